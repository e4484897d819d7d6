namespace HeadTap.Reports;

/// <summary>The values at which a contour plot has lines, and the colour of any value.</summary>
/// <param name="Low">Smallest finite value.</param>
/// <param name="High">Largest finite value; above <paramref name="Low"/>.</param>
/// <param name="IsLogarithmic">Whether equal steps are equal ratios.</param>
public sealed record ContourLevels(double Low, double High, bool IsLogarithmic)
{
    // From dark to light, even in brightness, told apart by most who see colours differently (viridis).
    static readonly (byte R, byte G, byte B)[] s_palette =
        [(68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37)];

    /// <summary>The scale of some values: logarithmic where the largest is more than three times the
    /// smallest, and all are above 0.</summary>
    /// <param name="values">Those that are not finite are passed over.</param>
    public static ContourLevels Of(IEnumerable<double> values)
    {
        ArgumentNullException.ThrowIfNull(values);
        double low = double.PositiveInfinity, high = double.NegativeInfinity;
        foreach (double v in values.Where(double.IsFinite))
            (low, high) = (Math.Min(low, v), Math.Max(high, v));
        if (low > high)
            (low, high) = (0, 1);
        if (low == high)
            high = low + Math.Max(1e-9, Math.Abs(low) * 1e-9);
        return new(low, high, low > 0 && high > 3 * low);
    }

    /// <summary>The colours, from the smallest value to the largest, as <c>#rrggbb</c>.</summary>
    public static IReadOnlyList<string> Palette { get; } = [.. s_palette.Select(Text)];

    /// <summary>Where a value lies, 0 to 1.</summary>
    public double Share(double value) => Math.Clamp(
        (Place(value) - Place(Low)) / (Place(High) - Place(Low)), 0, 1);

    /// <summary>The values of some lines, evenly between the ends.</summary>
    public IReadOnlyList<double> Lines(int count) => [.. Enumerable.Range(1, count).Select(i =>
    {
        double place = Place(Low) + (Place(High) - Place(Low)) * i / (count + 1);
        return IsLogarithmic ? Math.Exp(place) : place;
    })];

    /// <summary>The colour of a value.</summary>
    public string Colour(double value)
    {
        double at = Share(value) * (s_palette.Length - 1);
        int i = Math.Min((int)at, s_palette.Length - 2);
        ((byte R, byte G, byte B) a, (byte R, byte G, byte B) b) = (s_palette[i], s_palette[i + 1]);
        byte Mix(byte from, byte to) => (byte)Math.Round(from + (to - from) * (at - i));
        return Text((Mix(a.R, b.R), Mix(a.G, b.G), Mix(a.B, b.B)));
    }

    double Place(double value) => IsLogarithmic ? Math.Log(value) : value;

    static string Text((byte R, byte G, byte B) c) => $"#{c.R:x2}{c.G:x2}{c.B:x2}";
}
