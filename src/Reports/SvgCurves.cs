using System.Globalization;
using System.Net;
using System.Text;

namespace HeadTap.Reports;

/// <summary>A curve of <see cref="SvgChart.Curves"/>.</summary>
/// <param name="Name">Name in the legend.</param>
/// <param name="Points">Points from the left; those with coordinates that are not finite are left
/// out.</param>
public sealed record ChartCurve(string Name, IReadOnlyList<(double X, double Y)> Points);

public static partial class SvgChart
{
    const int CurveTicks = 5, MarksPerCurve = 24;
    const double MarkSize = 4;

    /// <summary>
    /// Draws up to four curves over a common number, such as a loss over steps. The curves differ in colour,
    /// dashes and marker; a curve of many points has a marker at some of them only.
    /// </summary>
    /// <param name="title">Title above the chart.</param>
    /// <param name="names">Names of the axes.</param>
    /// <param name="curves">Curves to draw; at most four.</param>
    /// <param name="format">.NET number format of the values in the markers' titles.</param>
    /// <param name="ends">Ends of the first axis; null for one that begins at 0 and counts.</param>
    public static string Curves(string title, ChartAxes names, IReadOnlyList<ChartCurve> curves,
        string format = "0.####", (double Low, double High)? ends = null)
    {
        ArgumentNullException.ThrowIfNull(names);
        ArgumentNullException.ThrowIfNull(curves);
        if (curves.Count > s_strokes.Length)
            throw new ArgumentException($"{curves.Count} curves; expected at most {s_strokes.Length}.");
        curves = [.. curves.Select(c => c with { Points = [.. c.Points.Where(Finite)] })];
        (double X, double Y)[] all = [.. curves.SelectMany(c => c.Points)];
        // The second axis shows what the curves do, from wherever they are.
        ChartRange x = ends is { } given ? new(names.Across, given.Low, given.High) : Round(names.Across, 0,
            Math.Max(CurveTicks, all.Select(p => p.X).DefaultIfEmpty().Max()));
        ChartRange y = Round(names.Down, all.Select(p => p.Y).DefaultIfEmpty(0).Min(),
            all.Select(p => p.Y).DefaultIfEmpty(1).Max());
        var svg = new StringBuilder();
        int right = ScatterLeft + ScatterWidth, ground = Top + ScatterHeight;
        Begin(svg, title, right + 30 + 7 * curves.Select(c => c.Name.Length).DefaultIfEmpty(0).Max() + 50,
            ground + 52);
        AppendAxes(svg, x, y, "0.######", right, ground);
        for (int i = 0; i < curves.Count; i++)
            AppendCurve(svg, curves[i], i, format, right + 14,
                p => (ScatterLeft + Share(p.X, x) * ScatterWidth, Top + (1 - Share(p.Y, y)) * ScatterHeight));
        return svg.Append("</svg>").ToString();
    }

    // An axis whose ticks are round numbers.
    static ChartRange Round(string title, double low, double high)
    {
        if (high <= low)
            (low, high) = (low - Math.Max(0.5, Math.Abs(low) / 10), low + Math.Max(0.5, Math.Abs(low) / 10));
        double step = Math.Pow(10, Math.Floor(Math.Log10((high - low) / CurveTicks)));
        foreach (double round in (double[])[1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10, 12, 15, 20])
        {
            double from = Math.Floor(low / (round * step)) * round * step;
            if (from + CurveTicks * round * step >= high)
                return new ChartRange(title, from, from + CurveTicks * round * step);
        }
        return new ChartRange(title, low, high);
    }

    static void AppendCurve(StringBuilder svg, ChartCurve curve, int index, string format, int legend,
        Func<(double X, double Y), (double X, double Y)> place)
    {
        (string style, string dash) = s_strokes[index];
        svg.Append(CultureInfo.InvariantCulture,
            $"<polyline class=\"line {style}\" stroke-dasharray=\"{dash}\" points=\"")
            .AppendJoin(' ', curve.Points.Select(place).Select(p =>
                string.Create(CultureInfo.InvariantCulture, $"{p.X:0.##},{p.Y:0.##}"))).Append("\"/>");
        int every = Math.Max(1, curve.Points.Count / MarksPerCurve);
        for (int i = curve.Points.Count - 1; i >= 0; i -= every)
            AppendMark(svg, index, place(curve.Points[i]),
                $"{curve.Name}, {NumberText.Of(curve.Points[i].X, "0.####")}: "
                + NumberText.Of(curve.Points[i].Y, format));
        int y = Top + 14 + 22 * index;
        svg.Append(CultureInfo.InvariantCulture, $"<line class=\"line {style}\" stroke-dasharray=\"{dash}\" "
            + $"x1=\"{legend}\" x2=\"{legend + 30}\" y1=\"{y - 4}\" y2=\"{y - 4}\"/>");
        AppendMark(svg, index, (legend + 15, y - 4), curve.Name);
        Text(svg, legend + 38, y, "start", curve.Name);
    }

    static void AppendMark(StringBuilder svg, int index, (double X, double Y) at, string title)
        => svg.Append(CultureInfo.InvariantCulture, $"<path class=\"dot {s_strokes[index].Class}\" "
            + $"d=\"{s_shapes[index]}\" transform=\"translate({at.X:0.##} {at.Y:0.##}) scale({MarkSize})\">"
            + $"<title>{WebUtility.HtmlEncode(title)}</title></path>");
}
