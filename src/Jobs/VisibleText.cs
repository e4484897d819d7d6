namespace HeadTap.Jobs;

/// <summary>Formats pieces of text for tables.</summary>
public static class VisibleText
{
    /// <summary>
    /// Returns a piece of text as one visible word: line ends and tabs as escapes, spaces as dots. What
    /// stands
    /// for an id without a token, &lt;id 50270&gt;, stays as it is.
    /// </summary>
    public static string Of(string piece)
    {
        ArgumentNullException.ThrowIfNull(piece);
        if (piece.StartsWith("<id ", StringComparison.Ordinal) && piece.EndsWith('>')
            && piece.AsSpan()[4..^1].IndexOfAnyExceptInRange('0', '9') < 0)
            return piece;
        return piece.Replace("\n", "\\n", StringComparison.Ordinal)
            .Replace("\r", "\\r", StringComparison.Ordinal).Replace("\t", "\\t", StringComparison.Ordinal)
            .Replace(' ', '·');
    }
}
