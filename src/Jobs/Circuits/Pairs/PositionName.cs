namespace HeadTap.Jobs;

/// <summary>Names positions of prompts in tables and maps.</summary>
public static class PositionName
{
    /// <summary>Returns a position's number, and its token where one prompt is meant.</summary>
    /// <param name="position">From 0, or from the end.</param>
    /// <param name="texts">The prompt's tokens as text; null for several prompts.</param>
    public static string Of(int position, IReadOnlyList<string>? texts) => texts is null ? $"{position}"
        : $"{position} {VisibleText.Of(texts[position < 0 ? position + texts.Count : position])}";
}
