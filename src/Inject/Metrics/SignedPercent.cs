using System.Globalization;

namespace HeadTap.Inject;

/// <summary>A change in percent as tables show it.</summary>
public static class SignedPercent
{
    /// <summary><c>+1.2 %</c>, <c>-0.3 %</c>, and <c>0.0 %</c> for what rounds to zero; NaN is
    /// <c>none</c>.</summary>
    public static string Of(double percent)
    {
        if (double.IsNaN(percent))
            return "none";
        double rounded = Math.Round(percent, 1);
        return (rounded == 0 ? "0.0" : rounded.ToString("+0.0;-0.0", CultureInfo.InvariantCulture)) + " %";
    }
}
