using System.Globalization;
using System.Net;
using System.Text;

namespace HeadTap.Reports;

/// <summary>Values over a plane.</summary>
/// <param name="X">Columns, ascending, evenly spaced.</param>
/// <param name="Y">Rows, ascending upwards, evenly spaced.</param>
/// <param name="Values">[rows × columns], row by row from the bottom; blank where not finite.</param>
public sealed record ChartField(
    IReadOnlyList<double> X, IReadOnlyList<double> Y, IReadOnlyList<double> Values)
{
    internal double this[int column, int row] => Values[row * X.Count + column];
}

/// <summary>A point of <see cref="SvgChart.Contours"/> with a name.</summary>
/// <param name="Name">Text beside the point.</param>
/// <param name="X">Across.</param>
/// <param name="Y">Up.</param>
public sealed record ChartMark(string Name, double X, double Y);

public static partial class SvgChart
{
    const int FieldSide = 420, FieldLines = 11, KeyWidth = 16, MostNames = 12;

    const string FieldStyle = """
        <style>.ht .iso{stroke:#fff;stroke-opacity:.75;stroke-width:1;fill:none}
        .ht .trail{fill:none;stroke:#e4572e;stroke-width:2}
        .ht .spot{fill:#e4572e;stroke:#fff;stroke-width:1.5}
        .ht .halo{paint-order:stroke;stroke:#fff;stroke-width:3px;fill:#24292f}</style>
        """;

    /// <summary>
    /// Draws values over a plane as colours with contour lines, and marked points above them. A key beside it
    /// names values.
    /// </summary>
    /// <param name="title">Title above the plot.</param>
    /// <param name="names">Names of the axes.</param>
    /// <param name="field">The values.</param>
    /// <param name="marks">Points to mark; those outside are left out.</param>
    /// <param name="joined">Whether a line runs through the marks, in their order.</param>
    /// <param name="format">.NET number format of the values.</param>
    public static string Contours(string title, ChartAxes names, ChartField field,
        IReadOnlyList<ChartMark> marks, bool joined = false, string format = "0.000")
    {
        ArgumentNullException.ThrowIfNull(names);
        ArgumentNullException.ThrowIfNull(field);
        ArgumentNullException.ThrowIfNull(marks);
        ContourLevels levels = ContourLevels.Of(field.Values);
        var x = new ChartRange(names.Across, field.X[0], field.X[^1]);
        var y = new ChartRange(names.Down, field.Y[0], field.Y[^1]);
        double PlaceX(double v) => ScatterLeft + Share(v, x) * FieldSide;
        double PlaceY(double v) => Top + (1 - Share(v, y)) * FieldSide;
        var svg = new StringBuilder();
        int right = ScatterLeft + FieldSide, ground = Top + FieldSide;
        Begin(svg, title, right + 120, ground + 52);
        svg.Append(FieldStyle);
        AppendCells(svg, field, levels, format);
        foreach (double level in levels.Lines(FieldLines))
            AppendPath(svg, "iso", ContourLines.Of(field, level), PlaceX, PlaceY);
        AppendTicks(svg, x, y, right, ground);
        ChartMark[] shown = [.. marks.Where(m =>
            m.X >= x.Low && m.X <= x.High && m.Y >= y.Low && m.Y <= y.High)];
        if (joined)
            svg.Append("<polyline class=\"trail\" points=\"").AppendJoin(' ', shown.Select(m => string.Create(
                CultureInfo.InvariantCulture, $"{PlaceX(m.X):0.##},{PlaceY(m.Y):0.##}"))).Append("\"/>");
        foreach ((int i, ChartMark mark) in shown.Index())
            AppendSpot(svg, mark, PlaceX(mark.X), PlaceY(mark.Y),
                shown.Length <= MostNames || i == 0 || i == shown.Length - 1);
        AppendFieldKey(svg, levels, right + 18, ground, format);
        return svg.Append("</svg>").ToString();
    }

    // A cell is around its point, so those at the edge are half as wide.
    static void AppendCells(StringBuilder svg, ChartField field, ContourLevels levels, string format)
    {
        double wide = (double)FieldSide / (field.X.Count - 1), high = (double)FieldSide / (field.Y.Count - 1);
        for (int row = 0; row < field.Y.Count; row++)
            for (int column = 0; column < field.X.Count; column++)
            {
                double v = field[column, row];
                if (!double.IsFinite(v))
                    continue;
                double left = Math.Max(0, (column - 0.5) * wide);
                double end = Math.Min(FieldSide, (column + 0.5) * wide);
                double up = Math.Min(FieldSide, (row + 0.5) * high);
                double down = Math.Max(0, (row - 0.5) * high);
                svg.Append(CultureInfo.InvariantCulture, $"<rect x=\"{ScatterLeft + left:0.#}\" "
                    + $"y=\"{Top + FieldSide - up:0.#}\" width=\"{end - left + 0.3:0.#}\" "
                    + $"height=\"{up - down + 0.3:0.#}\" fill=\"{levels.Colour(v)}\"><title>"
                    + $"{field.X[column]:0.####}, {field.Y[row]:0.####}: {NumberText.Of(v, format)}"
                    + $"</title></rect>");
            }
    }

    static void AppendPath(StringBuilder svg, string style,
        IReadOnlyList<((double X, double Y) From, (double X, double Y) To)> pieces,
        Func<double, double> placeX, Func<double, double> placeY)
    {
        if (pieces.Count == 0)
            return;
        svg.Append(CultureInfo.InvariantCulture, $"<path class=\"{style}\" d=\"");
        foreach (((double X, double Y) from, (double X, double Y) to) in pieces)
            svg.Append(CultureInfo.InvariantCulture, $"M{placeX(from.X):0.#},{placeY(from.Y):0.#}"
                + $"L{placeX(to.X):0.#},{placeY(to.Y):0.#}");
        svg.Append("\"/>");
    }

    static void AppendTicks(StringBuilder svg, ChartRange x, ChartRange y, int right, int ground)
    {
        const int ticks = 4;
        for (int i = 0; i <= ticks; i++)
        {
            Text(svg, ScatterLeft + i * FieldSide / ticks, ground + 18, "middle",
                NumberText.Of(x.Low + (x.High - x.Low) * i / ticks, "0.###"));
            Text(svg, ScatterLeft - 8, ground - i * FieldSide / ticks + 4, "end",
                NumberText.Of(y.Low + (y.High - y.Low) * i / ticks, "0.###"));
        }
        Text(svg, (ScatterLeft + right) / 2, ground + 40, "middle", x.Title);
        Text(svg, 10, Top - 8, "start", y.Title);
    }

    static void AppendSpot(StringBuilder svg, ChartMark mark, double x, double y, bool named)
    {
        svg.Append(CultureInfo.InvariantCulture,
            $"<circle class=\"spot\" cx=\"{x:0.##}\" cy=\"{y:0.##}\" r=\"4.5\"><title>")
            .Append(WebUtility.HtmlEncode(mark.Name)).Append("</title></circle>");
        if (named)
            svg.Append(CultureInfo.InvariantCulture, $"<text class=\"halo\" x=\"{x + 8:0.##}\" "
                + $"y=\"{y - 6:0.##}\">").Append(WebUtility.HtmlEncode(mark.Name)).Append("</text>");
    }

    static void AppendFieldKey(StringBuilder svg, ContourLevels levels, int x, int ground, string format)
    {
        const int steps = 60, names = 5;
        IReadOnlyList<double> colours = levels.Lines(steps);
        double high = (double)FieldSide / steps;
        for (int i = 0; i < steps; i++)
            svg.Append(CultureInfo.InvariantCulture, $"<rect x=\"{x}\" y=\"{ground - (i + 1) * high:0.#}\" "
                + $"width=\"{KeyWidth}\" height=\"{high + 0.3:0.#}\" fill=\"{levels.Colour(colours[i])}\"/>");
        double[] marks = [levels.Low, .. levels.Lines(names - 2), levels.High];
        for (int i = 0; i < marks.Length; i++)
            Text(svg, x + KeyWidth + 6, ground - i * FieldSide / (names - 1) + 4, "start",
                NumberText.Of(marks[i], format));
    }
}
