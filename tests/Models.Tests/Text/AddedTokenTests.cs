using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;

namespace HeadTap.Models.Tests;

/// <summary>
/// Added tokens with all their flags, and the space before a text, against Hugging Face's own tokenizer on
/// generated tokenizers.
/// </summary>
sealed class AddedTokenTests
{
    static readonly string[] Pool =
    [
        "<q>", "</q>", "<s>", "<|x|>", "<|x|>y", "[MASK]", "the", "cat", "é", "日本", "\n", "  ", " a", "a ",
        "😀", "e\u0301", "_", "1", "'s", "<q", "q>", "at", "ab", "<|endoftext|>", "\u00a0b", "ⓐ", "x\u200d",
    ];

    static readonly string[] Between = [" ", "  ", "\n", "\t ", "a", "the", "\u00a0", "_", "é", ""];

    static readonly BpeVocabulary Base = BpeTrainer.Train(
        ["the cat sat on the mat, that's the cat's mat: ééé 日本 abab the end  of  it"], 330, [],
        minimumCount: 1);

    [TestCase(0)]
    [TestCase(1)]
    [TestCase(2)]
    [TestCase(3)]
    public void Ids_are_those_of_hugging_face(int seed)
    {
        if (!OperatingSystem.IsLinux() || RuntimeInformation.OSArchitecture
            is not System.Runtime.InteropServices.Architecture.X64)
            Assert.Ignore("Hugging Face's tokenizer is there for Linux on x64.");
        var random = new SeededRandom((ulong)seed, 16);
        string[] hard = [.. HardStrings.All().Select(ByteBpeTokenizer.WithoutLoneSurrogates)
            .Where(text => !text.Contains('\0', StringComparison.Ordinal))]; // ends a string for the other
        int compared = 0;
        for (int t = 0; t < 12; t++)
        {
            using var folder = new TemporaryFolder();
            string json = Generated(random, out string[] added);
            string path = folder.Write("tokenizer.json", json);
            ByteBpeTokenizer ours = ByteBpeTokenizer.Load(folder.Path);
            var theirs = new Tokenizers.DotNet.Tokenizer(path);
            for (int i = 0; i < 130; i++)
            {
                string text = i < 50 ? hard[random.Next(hard.Length)] : Mixture(random, added, hard);
                int[] expected = [.. theirs.Encode(text).Select(id => (int)id)];
                Assert.That(ours.Encode(text, parseSpecial: true), Is.EqualTo(expected),
                    () => $"{JsonSerializer.Serialize(text)} by {Flags(json)}");
                compared++;
            }
        }
        Assert.That(compared, Is.EqualTo(12 * 130));
    }

    [Test]
    public void Tokens_that_are_not_special_are_found_without_being_asked_for()
    {
        using var folder = new TemporaryFolder();
        Base.Save(folder.Path);
        int n = Base.Tokens.Count;
        folder.Write("tokenizer.json", Json([
            new AddedToken("<q>", Special: false), new AddedToken("<end>"),
            new AddedToken("owl", Special: false) { SingleWord = true, LeftStrip = true },
        ], prefixSpace: false));
        var left = new List<string>();
        ByteBpeTokenizer tokenizer = ByteBpeTokenizer.Load(folder.Path).With(parseSpecial: false, left.Add);
        int[] ids = tokenizer.Encode("a<q>b<end> owl howl");
        Assert.That(ids.Where(id => id >= n), Is.EqualTo(new[] { n, n + 2 }));
        Assert.That(tokenizer.Decode(ids), Is.EqualTo("a<q>b<end>owl howl"), "the token took the space");
        Assert.That(left, Is.EqualTo(new[] { "<end>" }));
        Assert.That(tokenizer.Encode("<end>", parseSpecial: true), Is.EqualTo(new[] { n + 1 }));
        Assert.That(tokenizer.With(parseSpecial: true).Encode("<end>"), Is.EqualTo(new[] { n + 1 }));
        Assert.That(tokenizer.IdOf("<q>"), Is.EqualTo(n));
        Assert.That(tokenizer.IdOf("<none>"), Is.Null);
    }

    [Test]
    public void A_printed_piece_has_a_way_back()
    {
        var tokenizer = new ByteBpeTokenizer(BpeVocabulary.Create(
            [.. Base.Tokens, @"\x", @"\\x", @"\x4", @"\x41", "<ü>"],
            [.. Base.Merges, ("\\", "x"), ("\\", @"\x"), (@"\x", "4"), (@"\x4", "1")], ["<ü>"]));
        Assert.That(tokenizer.TokenText(Base.Tokens.Count), Is.EqualTo(@"\x5Cx"));
        for (int id = 0; id < tokenizer.VocabSize; id++)
            Assert.That(ByteBpeTokenizer.PieceBytes(tokenizer.TokenText(id)),
                Is.EqualTo(tokenizer.DecodeBytes([id])), tokenizer.TokenText(id));
    }

    [Test]
    public void The_side_files_say_which_added_tokens_are_special()
    {
        using var folder = new TemporaryFolder();
        Base.Save(folder.Path);
        int n = Base.Tokens.Count;
        folder.Write("added_tokens.json", $"{{\"<q>\": {n}, \"<pad>\": {n + 1}, \"<m>\": {n + 2}}}");
        folder.Write("tokenizer_config.json", "{\"pad_token\": \"<pad>\", \"add_prefix_space\": true}");
        folder.Write("special_tokens_map.json", "{\"mask_token\": {\"content\": \"<m>\", \"lstrip\": true}}");
        ByteBpeTokenizer tokenizer = ByteBpeTokenizer.Load(folder.Path);
        Assert.That(tokenizer.SpecialTokenIds, Is.EquivalentTo(new[] { n + 1, n + 2 }));
        Assert.That(tokenizer.Encode("<q>"), Is.EqualTo(new[] { n }));
        Assert.That(tokenizer.Decode(tokenizer.Encode("a  <m>", parseSpecial: true)), Is.EqualTo(" a<m>"));
        Assert.That(tokenizer.Decode(tokenizer.Encode("cat<q>sat")), Is.EqualTo(" cat<q> sat"));
        Assert.That(tokenizer.Decode(tokenizer.Encode(" cat")), Is.EqualTo(" cat"));

        tokenizer.Vocabulary.Save(folder["again"]);
        ByteBpeTokenizer again = ByteBpeTokenizer.Load(folder["again"]);
        Assert.That(again.Vocabulary.AddedTokens, Is.EquivalentTo(tokenizer.Vocabulary.AddedTokens));
        Assert.That(again.Vocabulary.AddPrefixSpace);
        Assert.That(again.Encode("the cat<m> <q>", parseSpecial: true),
            Is.EqualTo(tokenizer.Encode("the cat<m> <q>", parseSpecial: true)));
    }

    [TestCase("{\"add_prefix_space\": 1}", "add_prefix_space")]
    [TestCase("{\"pad_token\": 5}", "pad_token")]
    [TestCase("{\"added_tokens_decoder\": {\"0\": {\"content\": \"!\", \"lstrip\": 2}}}", "lstrip")]
    public void A_wrong_side_file_is_refused(string config, string word)
    {
        using var folder = new TemporaryFolder();
        Base.Save(folder.Path);
        folder.Write("tokenizer_config.json", config);
        BadInput.Refused(() => ByteBpeTokenizer.Load(folder.Path), "tokenizer_config.json", word);
    }

    static string Generated(SeededRandom random, out string[] texts)
    {
        string[] words = [.. Pool.OrderBy(_ => random.Next(1 << 20)).Take(1 + random.Next(8))];
        bool Draw(int one) => random.Next(one) == 0;
        texts = words;
        // The library panics where a token lies inside the spaces that an earlier one took.
        bool spaces = words.Any(word => char.IsWhiteSpace(word[0]));
        return Json([.. words.Select(word => new AddedToken(word, Draw(2))
        {
            LeftStrip = Draw(3), RightStrip = Draw(3) && !spaces, SingleWord = Draw(3), Normalized = Draw(2),
        })], Draw(2));
    }

    static string Json(AddedToken[] added, bool prefixSpace)
    {
        var ids = Base.Tokens.Select((token, id) => (token, id)).ToDictionary(t => t.token, t => t.id);
        int next = ids.Count;
        return JsonSerializer.Serialize(new
        {
            version = "1.0",
            truncation = (object?)null,
            padding = (object?)null,
            added_tokens = added.Select(token => new
            {
                id = ids.TryGetValue(token.Text, out int known) ? known : next++,
                content = token.Text,
                single_word = token.SingleWord,
                lstrip = token.LeftStrip,
                rstrip = token.RightStrip,
                normalized = token.Normalized,
                special = token.Special,
            }).OrderBy(token => token.id).ToArray(),
            normalizer = (object?)null,
            pre_tokenizer = new
            {
                type = "ByteLevel", add_prefix_space = prefixSpace, trim_offsets = true, use_regex = true,
            },
            post_processor = (object?)null,
            decoder = new
            {
                type = "ByteLevel", add_prefix_space = true, trim_offsets = true, use_regex = true,
            },
            model = new
            {
                type = "BPE",
                dropout = (object?)null,
                unk_token = (object?)null,
                continuing_subword_prefix = "",
                end_of_word_suffix = "",
                fuse_unk = false,
                byte_fallback = false,
                vocab = ids,
                merges = Base.Merges.Select(merge => $"{merge.Left} {merge.Right}"),
            },
        });
    }

    static string Mixture(SeededRandom random, string[] added, string[] hard)
    {
        var text = new StringBuilder();
        for (int n = random.Next(12); n >= 0; n--)
            text.Append(random.Next(3) switch
            {
                0 => added[random.Next(added.Length)],
                1 => Between[random.Next(Between.Length)],
                _ => hard[random.Next(hard.Length)],
            });
        return ByteBpeTokenizer.WithoutLoneSurrogates(text.ToString());
    }

    static string Flags(string json) => JsonDocument.Parse(json).RootElement is var root
        ? $"{root.GetProperty("added_tokens")} {root.GetProperty("pre_tokenizer")}" : "";
}
