// GPT-2 cuts text into words before it merges bytes, and no merge crosses a cut:
//
//     's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
//
// OpenAI's regex works on code points. .NET's (and so Microsoft's RobertaPreTokenizer) works on UTF-16
// units, for which 𝒜 is two surrogates and not a letter: "ab𝒜" is cut where GPT-2 does not cut, and a
// trained merge across that place is lost. BpeReference in tests/Reference is the oracle; the cases with
// astral letters fail without this.

using System.Text;
using Microsoft.ML.Tokenizers;

namespace HeadTap.Models;

/// <summary>GPT-2's cut into words, on code points.</summary>
sealed class Gpt2PreTokenizer : PreTokenizer
{
    internal static Gpt2PreTokenizer Instance { get; } = new();

    enum Kind { Space, Letter, Number, Other }

    /// <inheritdoc/>
    public override IEnumerable<(int Offset, int Length)> PreTokenize(string text) =>
        PreTokenize(text.AsSpan());

    /// <inheritdoc/>
    public override IEnumerable<(int Offset, int Length)> PreTokenize(ReadOnlySpan<char> text)
    {
        var words = new List<(int, int)>();
        for (int start = 0; start < text.Length;)
        {
            int end = WordEnd(text, start);
            words.Add((start, end - start));
            start = end;
        }
        return words;
    }

    /// <summary>
    /// The end of the word that begins at <paramref name="start"/> (&lt; the text's length).
    /// </summary>
    internal static int WordEnd(ReadOnlySpan<char> text, int start)
    {
        int contraction = ContractionLength(text[start..]);
        if (contraction > 0)
            return start + contraction;

        int first = text[start] == ' ' && start + 1 < text.Length ? start + 1 : start;
        Kind kind = KindAt(text, first, out _);
        if (kind != Kind.Space)
            return RunEnd(text, first, kind);

        // \s+(?!\S) leaves the last space of a run to the word that follows; a single space before a
        // word was taken above, so a single one here is a tab, a line break or the like.
        int end = RunEnd(text, start, Kind.Space);
        return end < text.Length && end - start > 1 ? end - 1 : end;
    }

    static int ContractionLength(ReadOnlySpan<char> text)
    {
        if (text.Length < 2 || text[0] != '\'')
            return 0;
        if (text[1] is 's' or 't' or 'm' or 'd')
            return 2;
        return text.Length > 2 && (text[1], text[2]) is ('r', 'e') or ('v', 'e') or ('l', 'l') ? 3 : 0;
    }

    static int RunEnd(ReadOnlySpan<char> text, int start, Kind kind)
    {
        int end = start;
        while (end < text.Length && KindAt(text, end, out int length) == kind)
            end += length;
        return end;
    }

    static Kind KindAt(ReadOnlySpan<char> text, int index, out int length)
    {
        // An unpaired surrogate decodes as U+FFFD of length 1, which is what encoding it to UTF-8 makes of
        // it.
        Rune.DecodeFromUtf16(text[index..], out Rune rune, out length);
        return Rune.IsLetter(rune) ? Kind.Letter
            : Rune.IsWhiteSpace(rune) ? Kind.Space
            : Rune.IsNumber(rune) ? Kind.Number
            : Kind.Other;
    }
}
