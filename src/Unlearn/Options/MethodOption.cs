using System.Globalization;
using HeadTap.Runtime;

namespace HeadTap.Unlearn;

/// <summary>An option that a method declares: help, docs and checks of its values come from here.</summary>
/// <param name="Name">As a field of an options record: BatchRows.</param>
/// <param name="IsWhole">Whether it takes whole numbers only; other values are rounded to float32.</param>
/// <param name="Range">The numbers that it may be.</param>
/// <param name="Meaning">What it is, with its symbol in the method's equation.</param>
public sealed record MethodOption(string Name, bool IsWhole, OptionRange Range, string Meaning)
{
    /// <summary>The value where none is given; null where it depends on the model.</summary>
    public double? Default { get; init; }

    /// <summary>The value where none is given, in words where it depends on the model.</summary>
    public string DefaultText
    {
        get => field ?? Default?.ToString("0.########", CultureInfo.InvariantCulture) ?? "";
        init;
    }

    /// <summary>An option of whole numbers.</summary>
    public static MethodOption Whole(string name, int? absent, OptionRange range, string meaning)
        => new(name, IsWhole: true, range, meaning) { Default = absent };

    /// <summary>An option of float32 numbers.</summary>
    public static MethodOption Number(string name, double? absent, OptionRange range, string meaning)
        => new(name, IsWhole: false, range, meaning) { Default = absent };

    /// <summary>Returns the value, rounded as <see cref="IsWhole"/> says.</summary>
    /// <exception cref="UserException">The value is outside of the range.</exception>
    public double Checked(double value)
    {
        double rounded = IsWhole ? value : (float)value;
        if (IsWhole && (rounded != Math.Floor(rounded) || Math.Abs(rounded) > int.MaxValue))
            throw new UserException($"{Name} is {rounded}; expected a whole number", Name);
        if (Range.Contains(rounded) && double.IsFinite(rounded))
            return rounded;
        string text = IsWhole ? $"{rounded}" : $"{(float)rounded}";
        throw new UserException($"{Name} is {text}; expected {Range.Text}", Name);
    }
}
