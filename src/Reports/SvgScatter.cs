using System.Globalization;
using System.Net;
using System.Text;

namespace HeadTap.Reports;

/// <summary>A group of points of <see cref="SvgChart.Scatter"/>.</summary>
/// <param name="Name">Name in the legend, after the number of the group.</param>
/// <param name="Chosen">Point that is marked with the number of the group; null for none.</param>
/// <param name="Others">Points that are drawn small, in the shape of the group.</param>
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
    const double DotSize = 3;

    // Outlines around (0, 0) of size 1, so that series of one colour can be told apart.
    static readonly string[] s_shapes =
    [
        "M-1,0A1,1 0 1 0 1,0A1,1 0 1 0 -1,0Z", "M-.9,-.9H.9V.9H-.9Z", "M0,-1.15L1.1,.85H-1.1Z",
        "M0,-1.25L1.25,0L0,1.25L-1.25,0Z", "M0,1.15L1.1,-.85H-1.1Z",
        "M-.4,-1.1H.4V-.4H1.1V.4H.4V1.1H-.4V.4H-1.1V-.4H-.4Z",
        "M-1.1,0L-.55,-.95H.55L1.1,0L.55,.95H-.55Z", "M-1.05,-.85H1.05L.6,.85H-.6Z",
    ];

    const string ScatterStyle = """
        <style>.ht .k0{fill:#2f6fde}.ht .k1{fill:#d9730d}.ht .k2{fill:#2e8b57}.ht .k3{fill:#a0479e}
        .ht .k4{fill:#b8860b}.ht .k5{fill:#6b7685}.ht .front{fill:none;stroke:#8a94a3;stroke-dasharray:5 4}
        .ht .before{fill:none;stroke:#8a94a3;stroke-width:2}
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
    /// <param name="before">Point that is marked as "before", where all groups started; null for
    /// none.</param>
    public static string Scatter(string title, ChartRange x, ChartRange y, IReadOnlyList<ChartCloud> clouds,
        string format = "0.##", (double X, double Y)? before = null)
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
        for (int i = 0; i < clouds.Count; i++)
            foreach ((double px, double py) in clouds[i].Others.Where(Finite))
                AppendShape(svg, i, clouds[i].Colour, PlaceX(px), PlaceY(py), DotSize, 0.45);
        if (before is { } start && Finite(start))
            AppendBefore(svg, PlaceX(start.X), PlaceY(start.Y), right);
        AppendMarkers(svg, clouds, PlaceX, PlaceY, format);
        for (int i = 0; i < clouds.Count; i++)
        {
            AppendMarker(svg, i, clouds[i].Colour, right + 28, Top + 8 + 20 * i, clouds[i].Name);
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

        string Tick(ChartRange range, int i)
            => NumberText.Of(range.Low + (range.High - range.Low) * i / ticks, format);
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
            AppendShape(svg, i, clouds[i].Colour, at, height, DotSize, 1);
            AppendMarker(markers, i, clouds[i].Colour, place.X, place.Y,
                $"{clouds[i].Name}: {NumberText.Of(p.X, format)}, {NumberText.Of(p.Y, format)}");
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

    static void AppendMarker(StringBuilder svg, int series, int colour, double x, double y, string title)
    {
        svg.Append("<g>");
        AppendShape(svg, series, colour, x, y, Marker, 1);
        svg.Append(CultureInfo.InvariantCulture, $"<text class=\"num\" x=\"{x:0.##}\" y=\"{y + 3.5:0.##}\" "
            + $"text-anchor=\"middle\">{series + 1}</text><title>{WebUtility.HtmlEncode(title)}</title></g>");
    }

    static void AppendShape(
        StringBuilder svg, int series, int colour, double x, double y, double size, double opacity)
        => svg.Append(CultureInfo.InvariantCulture, $"<path class=\"k{colour}\" "
            + $"d=\"{s_shapes[series % s_shapes.Length]}\" "
            + $"transform=\"translate({x:0.##} {y:0.##}) scale({size:0.##})\" "
            + $"fill-opacity=\"{opacity:0.##}\"/>");

    static void AppendBefore(StringBuilder svg, double x, double y, int right)
    {
        svg.Append(CultureInfo.InvariantCulture,
            $"<circle class=\"before\" cx=\"{x:0.##}\" cy=\"{y:0.##}\" r=\"7\"/>");
        bool atRight = x > right - 60;
        Text(svg, (int)x + (atRight ? -12 : 12), (int)y + 4, atRight ? "end" : "start", "before");
    }
}
