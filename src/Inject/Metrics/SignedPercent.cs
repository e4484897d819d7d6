using System.Globalization;

namespace HeadTap.Inject;

/// <summary>Formats changes in percent for tables.</summary>
public static class SignedPercent
{
    /// <summary>
    /// Formats a change as <c>+1.2 %</c> or <c>-0.3 %</c>, as <c>0.0 %</c> if it rounds to zero, and as
    /// <c>none</c> if it is NaN.
    /// </summary>
    public static string Of(double percent)
    {
        if (double.IsNaN(percent))
            return "none";
        double rounded = Math.Round(percent, 1);
        return (rounded == 0 ? "0.0" : rounded.ToString("+0.0;-0.0", CultureInfo.InvariantCulture)) + " %";
    }
}
