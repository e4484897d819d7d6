namespace HeadTap.Models;

/// <summary>Which positions of a row an edit touches. Padding is never touched.</summary>
public sealed record EditPositions
{
    EditPositions() { }

    /// <summary>Every real token.</summary>
    public static EditPositions All { get; } = new();

    /// <summary>The last real token of each row.</summary>
    public static EditPositions Last { get; } = new() { IsLast = true };

    /// <summary>Only the last real token.</summary>
    public bool IsLast { get; private init; }

    /// <summary>
    /// From this position on; null for no such bound. Negative numbers count from the end of each row.
    /// </summary>
    public int? FromPosition { get; private init; }

    /// <summary>
    /// These positions only; null for no list. Negative numbers count from the end of each row.
    /// </summary>
    public IReadOnlyList<int>? Listed { get; private init; }

    /// <summary>
    /// Position <paramref name="first"/> and all after it; -2 is the last but one and the last.
    /// </summary>
    public static EditPositions From(int first) => new() { FromPosition = first };

    /// <summary>
    /// These positions; -1 is the last of each row. One beyond a row's end touches nothing there.
    /// </summary>
    public static EditPositions List(IReadOnlyList<int> positions)
    {
        ArgumentNullException.ThrowIfNull(positions);
        return new() { Listed = [.. positions] };
    }

    /// <summary>
    /// Whether the token at <paramref name="position"/> of a row of <paramref name="length"/> is meant.
    /// </summary>
    internal bool Contains(int position, int length)
        => IsLast ? position == length - 1
        : Listed is { } list ? list.Contains(position) || list.Contains(position - length)
        : position >= (FromPosition is { } first && first < 0 ? length + first : FromPosition ?? 0);
}
