namespace HeadTap.Jobs;

/// <summary>Formats pieces of text for tables.</summary>
public static class VisibleText
{
    /// <summary>
    /// Returns a piece of text as one visible word: line ends and tabs as escapes, spaces as dots.
    /// </summary>
    public static string Of(string piece)
    {
        ArgumentNullException.ThrowIfNull(piece);
        return piece.Replace("\n", "\\n", StringComparison.Ordinal)
            .Replace("\r", "\\r", StringComparison.Ordinal).Replace("\t", "\\t", StringComparison.Ordinal)
            .Replace(' ', '·');
    }
}
