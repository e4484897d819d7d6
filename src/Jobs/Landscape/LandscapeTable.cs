using System.Globalization;

namespace HeadTap.Jobs;

/// <summary>Values of a landscape as text on pages.</summary>
static class LandscapeTable
{
    /// <summary>A loss, for people.</summary>
    internal static string Nats(double loss)
        => double.IsNaN(loss) ? "not finite" : loss.ToString("0.0000", CultureInfo.InvariantCulture);

    /// <summary>A share, for people.</summary>
    internal static string Percent(double share) => share.ToString("0.00 %", CultureInfo.InvariantCulture);

    /// <summary>A folder's own name.</summary>
    internal static string Name(string folder)
        => Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder)));

    /// <summary>A number for a script: six digits are more than a plot shows; null where it is not
    /// finite.</summary>
    internal static double? Short(double value) => double.IsFinite(value)
        ? double.Parse(value.ToString("G6", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture)
        : null;
}
