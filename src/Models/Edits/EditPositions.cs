using HeadTap.Runtime;

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

    /// <summary>From this position on; null for no such bound.</summary>
    public int? FromPosition { get; private init; }

    /// <summary>These positions only; null for no list.</summary>
    public IReadOnlyList<int>? Listed { get; private init; }

    /// <summary>Position <paramref name="first"/> and all after it.</summary>
    public static EditPositions From(int first) => first >= 0 ? new() { FromPosition = first }
        : throw new UserException($"edit positions from {first}: positions count from 0");

    /// <summary>These positions; one beyond a row's end touches nothing there.</summary>
    public static EditPositions List(IReadOnlyList<int> positions)
    {
        ArgumentNullException.ThrowIfNull(positions);
        return positions.All(p => p >= 0) ? new() { Listed = [.. positions] }
            : throw new UserException("edit positions: positions count from 0");
    }

    /// <summary>
    /// Whether the token at <paramref name="position"/> of a row of <paramref name="length"/> is meant.
    /// </summary>
    internal bool Contains(int position, int length)
        => IsLast ? position == length - 1
        : Listed is { } list ? list.Contains(position)
        : position >= (FromPosition ?? 0);
}
