// The rules are those of Hugging Face's tokenizers (added_vocabulary.rs): among the tokens that begin at the
// leftmost place the longest is taken; the search goes on behind it; tokens that are not normalized first,
// the others in what is left. AddedTokenTests compares with that library.

using System.Buffers;
using System.Globalization;
using System.Text;

namespace HeadTap.Models;

/// <summary>Cuts a text at its added tokens.</summary>
sealed class AddedTokenCutter
{
    readonly AddedToken[] _tokens; // [V], null for ordinary ones
    readonly SpecialTokens[] _passes;

    /// <summary>A cutter for the added tokens of a vocabulary.</summary>
    /// <param name="added">Added tokens.</param>
    /// <param name="ids">Id of each token.</param>
    /// <param name="vocabSize">V.</param>
    internal AddedTokenCutter(
        IReadOnlyList<AddedToken> added, Dictionary<string, int> ids, int vocabSize)
    {
        _tokens = new AddedToken[vocabSize];
        foreach (AddedToken token in added)
            _tokens[ids[token.Text]] = token;
        _passes = [.. added.GroupBy(token => token.Normalized).OrderBy(group => group.Key)
            .Select(group => new SpecialTokens(group.Select(token => (token.Text, ids[token.Text]))))];
    }

    /// <summary>A piece of a text: an added token, or ordinary text where the id is -1.</summary>
    internal readonly record struct Piece(int Start, int End, int Id);

    /// <summary>Returns the pieces of a text, in order.</summary>
    /// <param name="text">Any text without unpaired surrogates.</param>
    /// <param name="parseSpecial">Whether special tokens are found too.</param>
    /// <param name="passedOver">Called with each special token that stays text; null for nobody.</param>
    internal List<Piece> Cut(string text, bool parseSpecial, Action<string>? passedOver)
    {
        List<Piece> pieces = [new(0, text.Length, -1)];
        foreach (SpecialTokens pass in _passes)
        {
            var next = new List<Piece>();
            foreach (Piece piece in pieces)
                if (piece.Id >= 0)
                    next.Add(piece);
                else
                    Cut(text, piece, pass, parseSpecial, passedOver, next);
            pieces = next;
        }
        return pieces;
    }

    void Cut(string text, Piece within, SpecialTokens pass, bool parseSpecial, Action<string>? passedOver,
        List<Piece> into)
    {
        // Each pass sees only its own piece: a strip or a neighbour does not reach into another one.
        int done = within.Start;
        for (int from = within.Start; pass.Next(text, from, within.End) is { Index: >= 0 } found;)
        {
            (int start, int end) = (found.Index, found.Index + found.Length);
            from = end;
            AddedToken token = _tokens[found.Id];
            if (token.Special && !parseSpecial)
            {
                passedOver?.Invoke(token.Text);
                continue;
            }
            if (token.SingleWord && (EndsWithWord(text.AsSpan(within.Start..start))
                || StartsWithWord(text.AsSpan(end..within.End))))
                continue;
            if (token.LeftStrip)
                start = Math.Max(done, within.Start + text.AsSpan(within.Start..start).TrimEnd().Length);
            if (start > end)
                start = end; // inside the spaces that an earlier token took; there the library gives up
            if (token.RightStrip)
                end = within.End - text.AsSpan(end..within.End).TrimStart().Length;
            if (done < start)
                into.Add(new(done, start, -1));
            into.Add(new(start, end, found.Id));
            done = end;
        }
        if (done < within.End)
            into.Add(new(done, within.End, -1));
    }

    static bool EndsWithWord(ReadOnlySpan<char> text)
        => Rune.DecodeLastFromUtf16(text, out Rune rune, out int length) == OperationStatus.Done
            && length > 0 && IsWord(rune);

    static bool StartsWithWord(ReadOnlySpan<char> text)
        => Rune.DecodeFromUtf16(text, out Rune rune, out int length) == OperationStatus.Done
            && length > 0 && IsWord(rune);

    // \w of Rust's regex (UTS 18): alphabetic, marks, decimal digits, connectors, joiners.
    static bool IsWord(Rune rune) => Rune.GetUnicodeCategory(rune) is UnicodeCategory.UppercaseLetter
            or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter
            or UnicodeCategory.ModifierLetter or UnicodeCategory.OtherLetter or UnicodeCategory.LetterNumber
            or UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark
            or UnicodeCategory.EnclosingMark or UnicodeCategory.DecimalDigitNumber
            or UnicodeCategory.ConnectorPunctuation
        || rune.Value is 0x200C or 0x200D or >= 0x24B6 and <= 0x24E9 or >= 0x1F130 and <= 0x1F149
            or >= 0x1F150 and <= 0x1F169 or >= 0x1F170 and <= 0x1F189; // letters in circles and squares
}
