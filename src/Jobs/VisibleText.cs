namespace HeadTap.Jobs;

/// <summary>Pieces of text in tables.</summary>
public static class VisibleText
{
    /// <summary>A piece of text as one visible word: line ends and tabs spelled, spaces as dots.</summary>
    public static string Of(string piece)
    {
        ArgumentNullException.ThrowIfNull(piece);
        return piece.Replace("\n", "\\n", StringComparison.Ordinal)
            .Replace("\r", "\\r", StringComparison.Ordinal).Replace("\t", "\\t", StringComparison.Ordinal)
            .Replace(' ', '·');
    }
}
