using System.Buffers;

namespace HeadTap.Models;

/// <summary>
/// Finds special tokens in text: the leftmost first, the longest of those that begin there.
/// </summary>
sealed class SpecialTokens
{
    readonly (string Text, int Id)[] _longestFirst;
    readonly SearchValues<string> _any; // one pass over the text, however many tokens do not occur in it

    internal SpecialTokens(IEnumerable<(string Text, int Id)> tokens)
    {
        _longestFirst = [.. tokens.OrderByDescending(token => token.Text.Length)];
        _any = SearchValues.Create([.. _longestFirst.Select(token => token.Text)], StringComparison.Ordinal);
    }

    /// <summary>The next special token at or after <paramref name="start"/>, or an index of -1.</summary>
    internal (int Index, int Length, int Id) Next(string text, int start) => Next(text, start, text.Length);

    /// <summary>As above, of the text before <paramref name="end"/>.</summary>
    internal (int Index, int Length, int Id) Next(string text, int start, int end)
    {
        int index = text.AsSpan(start..end).IndexOfAny(_any);
        if (index < 0)
            return (-1, 0, -1);
        index += start;
        (string token, int id) = _longestFirst.First(
            t => text.AsSpan(index..end).StartsWith(t.Text, StringComparison.Ordinal));
        return (index, token.Length, id);
    }
}
