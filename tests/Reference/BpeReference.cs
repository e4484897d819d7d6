using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace HeadTap.Reference;

/// <summary>
/// GPT-2's tokenizer as its paper and published regex say it, with no thought of speed: cut by the regex,
/// spell the UTF-8 bytes as characters, then join the adjacent pair of lowest rank everywhere until none is
/// left.
/// </summary>
public sealed class BpeReference
{
    static readonly Regex Words = new(
        @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
        RegexOptions.CultureInvariant);

    readonly Dictionary<string, int> _ids = [];
    readonly Dictionary<(string, string), int> _ranks = [];
    readonly char[] _spelling = new char[256];

    public BpeReference(IEnumerable<string> tokens, IEnumerable<(string, string)> merges)
    {
        foreach (string token in tokens)
            _ids.Add(token, _ids.Count);
        foreach ((string, string) merge in merges)
            _ranks.Add(merge, _ranks.Count);

        int next = 256;
        for (int b = 0; b < 256; b++)
        {
            bool kept = b >= '!' && b <= '~' || b >= '¡' && b <= '¬' || b >= '®' && b <= 'ÿ';
            _spelling[b] = kept ? (char)b : (char)next++;
        }
    }

    public int[] Encode(string text)
    {
        var ids = new List<int>();
        foreach (string word in Cut(text))
            foreach (string token in Merge(Encoding.UTF8.GetBytes(word)))
                ids.Add(_ids[token]);
        return [.. ids];
    }

    /// <summary>
    /// The regex works on code points, .NET's Regex on UTF-16: it sees one stand-in of the same class.
    /// </summary>
    public static IEnumerable<string> Cut(string text)
    {
        var runes = text.EnumerateRunes().ToArray();
        var standIns = new StringBuilder();
        foreach (Rune rune in runes)
            standIns.Append(rune.IsBmp ? (char)rune.Value : StandIn(Rune.GetUnicodeCategory(rune)));
        foreach (Match match in Words.Matches(standIns.ToString()))
            yield return string.Concat(runes.Skip(match.Index).Take(match.Length).Select(r => r.ToString()));
    }

    static char StandIn(UnicodeCategory category) => category switch
    {
        UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter
            or UnicodeCategory.ModifierLetter or UnicodeCategory.OtherLetter => 'é',
        UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber
            or UnicodeCategory.OtherNumber => '²',
        _ => '§', // no space, line or paragraph separator lies beyond U+FFFF
    };

    List<string> Merge(byte[] bytes)
    {
        List<string> parts = bytes.Select(b => _spelling[b].ToString()).ToList();
        while (true)
        {
            int best = int.MaxValue;
            (string, string) pair = default;
            for (int i = 0; i + 1 < parts.Count; i++)
            {
                if (_ranks.TryGetValue((parts[i], parts[i + 1]), out int rank) && rank < best)
                    (best, pair) = (rank, (parts[i], parts[i + 1]));
            }
            if (best == int.MaxValue)
                return parts;
            for (int i = 0; i + 1 < parts.Count; i++)
            {
                if ((parts[i], parts[i + 1]) != pair)
                    continue;
                parts[i] += parts[i + 1];
                parts.RemoveAt(i + 1);
            }
        }
    }
}
