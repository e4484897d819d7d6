using System.Globalization;
using System.Net;
using System.Text;

namespace HeadTap.Reports;

/// <summary>A group of points of <see cref="SvgChart.Scatter"/>.</summary>
/// <param name="Name">Name in the legend, after the number of the group.</param>
/// <param name="Chosen">Point that is marked with the number of the group; null for none.</param>
/// <param name="Others">Points that are drawn as small dots.</param>
/// <param name="Colour">Index of the colour, 0 to 5, which shows the kind of the group.</param>
public sealed record ChartCloud(string Name, (double X, double Y)? Chosen,
    IReadOnlyList<(double X, double Y)> Others, int Colour = 0);

/// <summary>An axis of <see cref="SvgChart.Scatter"/>.</summary>
/// <param name="Title">Quantity that the axis measures.</param>
/// <param name="Low">Smallest value of the axis.</param>
/// <param name="High">Largest value of the axis; above <paramref name="Low"/>.</param>
public sealed record ChartRange(string Title, double Low, double High);

public static partial class SvgChart
{
    const int ScatterWidth = 470, ScatterHeight = 330, ScatterLeft = 62, Marker = 9;

    const string ScatterStyle = """
        <style>.ht .k0{fill:#2f6fde}.ht .k1{fill:#d9730d}.ht .k2{fill:#2e8b57}.ht .k3{fill:#a0479e}
        .ht .k4{fill:#b8860b}.ht .k5{fill:#6b7685}.ht .front{fill:none;stroke:#8a94a3;stroke-dasharray:5 4}
        .ht .lead{stroke:#8a94a3;stroke-width:1}.ht .num{fill:#fff;font-size:10px;font-weight:600}</style>
        """;

    /// <summary>
    /// Draws points for which small x and large y are good, with the Pareto front: the points that no other
    /// point beats in both. Numbered markers that would overlap are moved apart, with a line to their point.
    /// </summary>
    /// <param name="title">Title above the chart.</param>
    /// <param name="x">Horizontal axis; points outside are drawn at its ends.</param>
    /// <param name="y">Vertical axis; points outside are drawn at its ends.</param>
    /// <param name="clouds">Groups of points; points with coordinates that are not finite are left
    /// out.</param>
    /// <param name="format">.NET number format of both axes.</param>
    public static string Scatter(string title, ChartRange x, ChartRange y, IReadOnlyList<ChartCloud> clouds,
        string format = "0.##")
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(y);
        ArgumentNullException.ThrowIfNull(clouds);
        double PlaceX(double v) => ScatterLeft + Share(v, x) * ScatterWidth;
        double PlaceY(double v) => Top + (1 - Share(v, y)) * ScatterHeight;
        var svg = new StringBuilder();
        int right = ScatterLeft + ScatterWidth, ground = Top + ScatterHeight;
        Begin(svg, title, right + 200, Math.Max(ground + 52, Top + 20 * clouds.Count + 10));
        svg.Append(ScatterStyle);
        AppendAxes(svg, x, y, format, right, ground);
        AppendFront(svg, clouds, PlaceX, PlaceY);
        foreach (ChartCloud cloud in clouds)
            foreach ((double px, double py) in cloud.Others.Where(Finite))
                svg.Append(CultureInfo.InvariantCulture, $"<circle class=\"k{cloud.Colour}\" "
                    + $"cx=\"{PlaceX(px):0.##}\" cy=\"{PlaceY(py):0.##}\" r=\"2.5\" fill-opacity=\"0.4\"/>");
        AppendMarkers(svg, clouds, PlaceX, PlaceY, format);
        for (int i = 0; i < clouds.Count; i++)
        {
            AppendMarker(svg, clouds[i].Colour, right + 28, Top + 8 + 20 * i, i + 1, clouds[i].Name);
            Text(svg, right + 44, Top + 12 + 20 * i, "start", clouds[i].Name);
        }
        return svg.Append("</svg>").ToString();
    }

    static double Share(double value, ChartRange range)
        => Math.Clamp((value - range.Low) / (range.High - range.Low), 0, 1);

    static bool Finite((double X, double Y) p) => double.IsFinite(p.X) && double.IsFinite(p.Y);

    static void AppendAxes(
        StringBuilder svg, ChartRange x, ChartRange y, string format, int right, int ground)
    {
        const int ticks = 5;
        for (int i = 0; i <= ticks; i++)
        {
            int at = ScatterLeft + i * ScatterWidth / ticks, height = ground - i * ScatterHeight / ticks;
            svg.Append(CultureInfo.InvariantCulture,
                $"<line class=\"grid\" x1=\"{ScatterLeft}\" x2=\"{right}\" y1=\"{height}\" y2=\"{height}\"/>"
                + $"<line class=\"grid\" x1=\"{at}\" x2=\"{at}\" y1=\"{Top}\" y2=\"{ground}\"/>");
            Text(svg, at, ground + 18, "middle", Tick(x, i));
            Text(svg, ScatterLeft - 8, height + 4, "end", Tick(y, i));
        }
        Text(svg, (ScatterLeft + right) / 2, ground + 40, "middle", x.Title);
        Text(svg, 10, Top - 8, "start", y.Title);

        string Tick(ChartRange range, int i) => (range.Low + (range.High - range.Low) * i / ticks)
            .ToString(format, CultureInfo.InvariantCulture);
    }

    static void AppendFront(StringBuilder svg, IReadOnlyList<ChartCloud> clouds, Func<double, double> placeX,
        Func<double, double> placeY)
    {
        var front = new List<(double X, double Y)>();
        foreach ((double X, double Y) p in clouds
            .SelectMany(c => c.Chosen is { } chosen ? c.Others.Append(chosen) : c.Others)
            .Where(Finite).OrderBy(p => p.X).ThenByDescending(p => p.Y))
            if (front.Count == 0 || p.Y > front[^1].Y)
                front.Add(p);
        if (front.Count > 1)
            svg.Append("<polyline class=\"front\" points=\"").AppendJoin(' ', front.Select(p =>
                string.Create(CultureInfo.InvariantCulture, $"{placeX(p.X):0.##},{placeY(p.Y):0.##}")))
                .Append("\"/>");
    }

    static void AppendMarkers(StringBuilder svg, IReadOnlyList<ChartCloud> clouds,
        Func<double, double> placeX, Func<double, double> placeY, string format)
    {
        var taken = new List<(double X, double Y)>();
        var markers = new StringBuilder(); // drawn above all points and lines
        for (int i = 0; i < clouds.Count; i++)
        {
            if (clouds[i].Chosen is not { } p || !Finite(p))
                continue;
            double at = placeX(p.X), height = placeY(p.Y);
            (double X, double Y) place = Free(at, height, taken);
            taken.Add(place);
            if (place != (at, height))
                svg.Append(CultureInfo.InvariantCulture, $"<line class=\"lead\" x1=\"{at:0.##}\" "
                    + $"y1=\"{height:0.##}\" x2=\"{place.X:0.##}\" y2=\"{place.Y:0.##}\"/>");
            svg.Append(CultureInfo.InvariantCulture, $"<circle class=\"k{clouds[i].Colour}\" "
                + $"cx=\"{at:0.##}\" cy=\"{height:0.##}\" r=\"3\"/>");
            AppendMarker(markers, clouds[i].Colour, place.X, place.Y, i + 1, string.Create(
                CultureInfo.InvariantCulture,
                $"{clouds[i].Name}: {p.X.ToString(format, CultureInfo.InvariantCulture)}, ")
                + p.Y.ToString(format, CultureInfo.InvariantCulture));
        }
        svg.Append(markers);
    }

    // Tries the point itself, then rings of growing radius, and returns the first place where a marker
    // overlaps no other.
    static (double X, double Y) Free(double x, double y, List<(double X, double Y)> taken)
    {
        const int step = 2 * Marker + 2;
        for (int ring = 0; ring < 12; ring++)
            for (int i = 0; i < Math.Max(1, 6 * ring); i++)
            {
                double angle = ring == 0 ? 0 : Math.PI * i / (3 * ring);
                (double X, double Y) p =
                    (x + ring * step * Math.Cos(angle), y - ring * step * Math.Sin(angle));
                if (p.X >= ScatterLeft && p.Y >= Top && p.X <= ScatterLeft + ScatterWidth
                    && p.Y <= Top + ScatterHeight
                    && taken.All(t =>
                        Math.Pow(t.X - p.X, 2) + Math.Pow(t.Y - p.Y, 2) >= 4 * Marker * Marker))
                    return p;
            }
        return (x, y);
    }

    static void AppendMarker(StringBuilder svg, int colour, double x, double y, int number, string title)
        => svg.Append(CultureInfo.InvariantCulture,
            $"<g><circle class=\"k{colour}\" cx=\"{x:0.##}\" cy=\"{y:0.##}\" r=\"{Marker}\"/>"
            + $"<text class=\"num\" x=\"{x:0.##}\" y=\"{y + 3.5:0.##}\" "
            + $"text-anchor=\"middle\">{number}</text><title>{WebUtility.HtmlEncode(title)}</title></g>");
}
