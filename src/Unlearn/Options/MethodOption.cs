using System.Globalization;
using HeadTap.Runtime;

namespace HeadTap.Unlearn;

/// <summary>An option that a method declares: help, docs and checks of its values come from here.</summary>
/// <param name="Name">Name in the form of a record's field: BatchRows.</param>
/// <param name="IsWhole">Whether the option takes whole numbers only. Values of other options are rounded to
/// float32.</param>
/// <param name="Range">Range of allowed values.</param>
/// <param name="Meaning">Meaning of the option, with its symbol in the method's equation.</param>
public sealed record MethodOption(string Name, bool IsWhole, OptionRange Range, string Meaning)
{
    /// <summary>The default value; null if it depends on the model.</summary>
    public double? Default { get; init; }

    /// <summary>The default value as text; in words if it depends on the model.</summary>
    public string DefaultText
    {
        get => field ?? Default?.ToString("0.########", CultureInfo.InvariantCulture) ?? "";
        init;
    }

    /// <summary>Declares an option of whole numbers.</summary>
    public static MethodOption Whole(string name, int? absent, OptionRange range, string meaning)
        => new(name, IsWhole: true, range, meaning) { Default = absent };

    /// <summary>Declares an option of float32 numbers.</summary>
    public static MethodOption Number(string name, double? absent, OptionRange range, string meaning)
        => new(name, IsWhole: false, range, meaning) { Default = absent };

    /// <summary>Checks a value and returns it, rounded to float32 unless <see cref="IsWhole"/>.</summary>
    /// <exception cref="UserException">The value is outside the range.</exception>
    public double Checked(double value)
    {
        double rounded = IsWhole ? value : (float)value;
        if (IsWhole && (rounded != Math.Floor(rounded) || Math.Abs(rounded) > int.MaxValue))
            throw new UserException($"{Field.Of(Name)} is {rounded}; expected a whole number");
        if (Range.Contains(rounded) && double.IsFinite(rounded))
            return rounded;
        string text = IsWhole ? $"{rounded}" : $"{(float)rounded}";
        throw new UserException($"{Field.Of(Name)} is {text}; expected {Range.Text}");
    }
}
