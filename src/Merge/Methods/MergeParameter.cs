using System.Globalization;
using HeadTap.Runtime;

namespace HeadTap.Merge;

/// <summary>A parameter that a method declares: help, docs and checks of its values come from here.</summary>
/// <param name="Name">Name in a configuration: <c>density</c>.</param>
/// <param name="Default">The value without one; null where a value must be given.</param>
/// <param name="Least">The least value allowed.</param>
/// <param name="Most">The largest value allowed.</param>
/// <param name="Meaning">Meaning, with its symbol in the method's equation.</param>
public sealed record MergeParameter(string Name, double? Default, double Least, double Most, string Meaning)
{
    /// <summary>Whether each model has a value of its own.</summary>
    public bool PerModel { get; init; }

    /// <summary>Whether the value is true (1) or false (0).</summary>
    public bool IsSwitch { get; init; }

    /// <summary>Whether the value is a whole number.</summary>
    public bool IsWhole { get; init; }

    /// <summary>A switch.</summary>
    public static MergeParameter Switch(string name, bool absent, string meaning)
        => new(name, absent ? 1 : 0, 0, 1, meaning) { IsSwitch = true };

    /// <summary>A whole number, from <paramref name="least"/> up.</summary>
    public static MergeParameter Count(string name, int absent, int least, string meaning)
        => new(name, absent, least, int.MaxValue, meaning) { IsWhole = true };

    /// <summary>The weight of a model; without one in the configuration each has 1.</summary>
    public static MergeParameter Weight { get; } = new(
        "weight", 1, -1e9, 1e9, "w_i, the share of model i")
    {
        PerModel = true,
    };

    /// <summary>The range in words.</summary>
    public string Range => IsSwitch ? "true or false"
        : IsWhole ? string.Create(CultureInfo.InvariantCulture, $"a whole number, {Least} or more")
        : (double.IsFinite(Least), double.IsFinite(Most)) switch
        {
            (true, true) => $"{Short(Least)} to {Short(Most)}",
            (true, false) => string.Create(CultureInfo.InvariantCulture, $"{Least} or more"),
            (false, true) => string.Create(CultureInfo.InvariantCulture, $"{Most} or less"),
            _ => "a number",
        };

    static string Short(double value)
        => value.ToString(Math.Abs(value) < 1e6 ? "R" : "0e0", CultureInfo.InvariantCulture);

    /// <summary>Returns a value that is allowed.</summary>
    /// <exception cref="UserException">It is not.</exception>
    public double Checked(double value)
        => double.IsFinite(value) && value >= Least && value <= Most && (!IsWhole || value % 1 == 0)
            ? value : throw new UserException(string.Create(
                CultureInfo.InvariantCulture, $"{Name} is {value}; expected {Range}"));
}
