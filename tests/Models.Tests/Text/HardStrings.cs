using System.Text;

namespace HeadTap.Models.Tests;

/// <summary>
/// Strings on which tokenizers go wrong: written ones and seeded mixtures of hard fragments.
/// </summary>
static class HardStrings
{
    static readonly string[] Written =
    [
        "", " ", "  ", "   ", "\t", "\t\t", " \t ", "\n", "\n\n", "\r\n", "\r\n\r\n ", "a ", " a", "  a",
        "a  b", "a   b",
        "a\tb", "a \tb", "a\t b", "a\n b", "a \n b", "a\r\nb", "a\r\n  b", "  \n  x", "x  \n",
        new string(' ', 100),
        new string(' ', 99) + "x", new string('\n', 50), new string('a', 500), new string('é', 300), "\0",
        "a\0b", "\u007f",
        "Hello world", "Hello, world!", "hello   world", "don't", "I'll we've they're you'd I'm it's can't",
        "DON'T I'LL WE'VE", "don’t", "'", "''", "'s", "'S", " 's", "'sad", "''s", "'l", "'ll", "'lll", "'re",
        "'r", "'v",
        "s's's", "x'", "3's", "3'5", "rock'n'roll", "0", "01", "007", "3.14159", "1,000,000", "1e-10",
        "½ ² Ⅷ ④ 三 ৪",
        "abc123def", "123abc", "a1b2", " 123", "  123", "$5.00", "100%", "x²y", "H₂O", "<|endoftext|>",
        "<|endoftext|",
        "a<|endoftext|>b", "<|<|endoftext|>", "http://a.b/c?d=e&f=g#h", "C:\\x\\y.txt", "a_b_c", "__init__",
        "def f(x):\n    return x+1\n", "if (a && b) { c(); }", "{\"k\": [1, 2]}", "<a href='x'>y</a>", "--",
        "---", "...",
        "…", "!!!!!!!!", "?!?!", "«quoted»", "“quoted”", "‘single’", "–—―", "naïve café", "naı\u0308ve",
        "e\u0301",
        "\u0301", "a\u0301\u0302\u0303\u0304\u0305", "Z̴̡̢a̷l̵g̶o̸", "ß ẞ ﬁ ﬀ", "İ ı i̇", "Ǆ ǅ ǆ",
        "Ελληνικά", "Русский текст",
        "Ёжик", "עברית", "שָׁלוֹם", "العربية", "مَرْحَبًا", "فارسی\u200cنویسی", "हिन्दी", "नमस्ते", "தமிழ்",
        "ไทยไม่มีวรรค", "မြန်မာ",
        "ខ្មែរ", "ქართული", "Հայերեն", "አማርኛ", "中文", "中文 字符", "日本語テキスト", "カタカナ", "ｶﾀｶﾅ", "한국어", "한글 자모 ㄱㄴ",
        "Tiếng Việt",
        "ＦＵＬＬ１２３", "\u3000全角", "a\u00a0b", "\u00a0", "\u00a0\u00a0x", "a\u2003b", "\u2028", "a\u2029b",
        "\u0085x",
        "\u1680x", "\u180ex", "\u200b", "a\u200bb", "\ufeffx", "\u00adx", "\u2060", "\u202eabc\u202c",
        "\ufffd",
        "😀", "😀😀", " 😀", "a😀b", "👍🏽", "👨‍👩‍👧‍👦", "🏳️‍🌈", "🇯🇵🇩🇪", "1️⃣", "☺", "☺️", "❤️‍🔥", "🤷🏻‍♂️ ok", "𝒜𝒷𝒸",
        "ab𝒜cd", "𝟙𝟚𝟛", "1𝟙2",
        "𠀀𠀁", "中𠀀文", " 𠀀", "𐍈", "𓀀𓁀", "𐒀's", "🀄🂡", "𝄞♪", "💩's", "x💩's", "💩 1", "\U0010FFFF", "\uE000",
        "\U000F0000",
        "\ud800", "a\udc00b", "\ud83d", "\ude00\ud83d", "😀\ud83d", "\ud83d\ud83d\ude00", "\uFFFE\uFFFF",
        "\x1b[31mred\x1b[0m", "\a\b\f\v", "\x1c\x1d\x1e\x1f", "a\vb", "a\fb", "tab\tnew\nline", "  leading",
        "trailing  ",
        "\n\nleading", "trailing\n\n", "Ġ", "Ġa", "ĠĠ", "Ċ", "Â", "Ã©", "ÿþ", "SolidGoldMagikarp",
        " SolidGoldMagikarp",
        "supercalifragilisticexpialidocious", "PNEUMONOULTRAMICROSCOPIC", "aAbBcC", "camelCaseWords",
        "snake_case",
        "The quick brown fox jumps over the lazy dog.", "The  quick   brown    fox", "A.B.C.", "e.g., i.e.",
        "Mr. O'Neil's",
    ];

    static readonly string[] Fragments =
    [
        " ", "  ", "\t", "\n", "\r\n", "\u00a0", "\u3000", "a", "the", "Hello", "'s", "'ll", "'", "’", "1",
        "42", "½", "𝟙", "!", "...",
        "é", "e\u0301", "中", "日本", "𠀀", "ب", "ש", "ह", "😀", "👍🏽", "\u200d", "\ufe0f", "𝒜", "\u0301", "\0",
        "_", "<|endoftext|>", "\ud800",
        "\udc00", "\u2028", "Ġ",
    ];

    /// <summary>All written strings, then 400 mixtures of 1 to 20 fragments, the same in every run.</summary>
    public static IEnumerable<string> All()
    {
        foreach (string text in Written)
            yield return text;
        var random = new SeededRandom(20240101);
        for (int i = 0; i < 400; i++)
        {
            var text = new StringBuilder();
            for (int n = random.Next(20); n >= 0; n--)
                text.Append(Fragments[random.Next(Fragments.Length)]);
            yield return text.ToString();
        }
    }
}
