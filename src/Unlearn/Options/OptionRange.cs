namespace HeadTap.Unlearn;

/// <summary>The range of allowed values of an option.</summary>
/// <param name="Text">Range in words: "1 or more".</param>
/// <param name="Contains">Function that returns whether a number is in the range; false for NaN.</param>
public sealed record OptionRange(string Text, Func<double, bool> Contains)
{
    /// <summary>The range 1 and above.</summary>
    public static OptionRange AtLeastOne { get; } = new("1 or more", v => v >= 1);

    /// <summary>The range 0 and above.</summary>
    public static OptionRange AtLeastZero { get; } = new("0 or more", v => v >= 0);

    /// <summary>The numbers (0, ∞).</summary>
    public static OptionRange Positive { get; } = new("a number above 0", v => v > 0);

    /// <summary>The numbers [0, ∞).</summary>
    public static OptionRange NotNegative { get; } = new("a number of 0 or more", v => v >= 0);

    /// <summary>The numbers [0, 1].</summary>
    public static OptionRange ZeroToOne { get; } = new("0 to 1", v => v is >= 0 and <= 1);

    /// <summary>The numbers [0, 1).</summary>
    public static OptionRange BelowOne { get; } = new("0 or more, less than 1", v => v is >= 0 and < 1);

    /// <summary>The numbers (0, 1].</summary>
    public static OptionRange ShareAboveZero { get; } = new("more than 0, at most 1", v => v is > 0 and <= 1);
}
