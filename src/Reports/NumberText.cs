using System.Globalization;

namespace HeadTap.Reports;

/// <summary>Formats numbers for people.</summary>
public static class NumberText
{
    /// <summary>Formats a number in the invariant culture; one that rounds to zero has no sign.</summary>
    public static string Of(double value, string format)
        => WithoutMinusZero(value.ToString(format, CultureInfo.InvariantCulture));

    /// <summary>Returns "0.00 %" for "-0.00 %", and any other text as it is.</summary>
    public static string WithoutMinusZero(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return text.StartsWith("-0", StringComparison.Ordinal)
            && !text.AsSpan(1).ContainsAnyExcept("0., %".AsSpan()) ? text[1..] : text;
    }
}
