namespace HeadTap.Unlearn;

/// <summary>The numbers that an option may be.</summary>
/// <param name="Text">The range in words: "1 or more".</param>
/// <param name="Contains">Whether a number is in the range; false for NaN.</param>
public sealed record OptionRange(string Text, Func<double, bool> Contains)
{
    /// <summary>1 and above.</summary>
    public static OptionRange AtLeastOne { get; } = new("1 or more", v => v >= 1);

    /// <summary>0 and above.</summary>
    public static OptionRange AtLeastZero { get; } = new("0 or more", v => v >= 0);

    /// <summary>(0, ∞)</summary>
    public static OptionRange Positive { get; } = new("a number above 0", v => v > 0);

    /// <summary>[0, ∞)</summary>
    public static OptionRange NotNegative { get; } = new("a number of 0 or more", v => v >= 0);

    /// <summary>[0, 1]</summary>
    public static OptionRange ZeroToOne { get; } = new("0 to 1", v => v is >= 0 and <= 1);

    /// <summary>[0, 1)</summary>
    public static OptionRange BelowOne { get; } = new("0 or more, less than 1", v => v is >= 0 and < 1);

    /// <summary>(0, 1]</summary>
    public static OptionRange ShareAboveZero { get; } = new("more than 0, at most 1", v => v is > 0 and <= 1);
}
