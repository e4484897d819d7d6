using System.Globalization;
using System.Net;
using System.Text;

namespace HeadTap.Reports;

/// <summary>A bar of <see cref="SvgChart.Bars"/>.</summary>
/// <param name="Label">Label below the bar.</param>
/// <param name="Value">Height of the bar; at least 0.</param>
/// <param name="Strong">Whether the bar is highlighted.</param>
/// <param name="Spread">Ends of the interval that a thin line over the bar shows; null for none.</param>
public readonly record struct ChartBar(
    string Label, double Value, bool Strong = false, (double Low, double High)? Spread = null);

/// <summary>Names of the two axes of a chart.</summary>
/// <param name="Across">What goes from left to right.</param>
/// <param name="Down">What goes from top to bottom, or upwards in a chart of lines or bars.</param>
public sealed record ChartAxes(string Across, string Down);

/// <summary>
/// Draws charts as SVG text. Each chart is a complete file, can be embedded in an HTML page, and is readable
/// in light and dark mode. The same values give the same bytes.
/// </summary>
public static partial class SvgChart
{
    const int Cell = 46, CellHeight = 30, Left = 84, Top = 40, BarWidth = 74, BarHeight = 170;
    const int Key = 26, AxisName = 18;
    const double Faintest = 0.06, Strongest = 0.86; // opacity

    // The style is inside each figure, so that a figure can be saved as a file.
    const string Style = """
        <style>.ht text{font:12px system-ui,sans-serif;fill:#24292f}.ht .t{font-weight:600;font-size:13px}
        .ht .up{fill:#d9730d}.ht .down{fill:#2f6fde}.ht .plain{fill:#8a94a3}.ht .axis{stroke:#8a94a3}
        .ht .spread{stroke:#24292f;stroke-width:2}.ht .grid{stroke:#8a94a3;stroke-opacity:.35}
        .ht .line{fill:none;stroke-width:2}.ht .line.s0{stroke:#d9730d}.ht .line.s1{stroke:#2f6fde}
        .ht .line.s2{stroke:#2e8b57}.ht .line.s3{stroke:#8a94a3}.ht .dot.s0{fill:#d9730d}
        .ht .dot.s1{fill:#2f6fde}.ht .dot.s2{fill:#2e8b57}.ht .dot.s3{fill:#8a94a3}
        @media (prefers-color-scheme:dark){.ht text{fill:#d5dae1}.ht .up{fill:#f2994a}.ht .down{fill:#5b9bff}
        .ht .spread{stroke:#d5dae1}}</style>
        """;

    /// <summary>
    /// Draws a grid of values as colours: orange above zero, blue below; larger values are stronger. A key
    /// below says which value has the full colour.
    /// </summary>
    /// <param name="title">Title above the grid.</param>
    /// <param name="rows">Labels of the rows, from the top.</param>
    /// <param name="columns">Labels of the columns, from the left.</param>
    /// <param name="value">Function that returns the value of (row, column); the cell is blank if it is not
    /// finite.</param>
    /// <param name="format">.NET number format of the values.</param>
    /// <param name="axes">Names of the columns and the rows; null for none.</param>
    /// <param name="scale">Value with the full colour, so that maps of one page can be compared; null for the
    /// largest of this map.</param>
    public static string HeatMap(string title, IReadOnlyList<string> rows, IReadOnlyList<string> columns,
        Func<int, int, double> value, string format = "0.0", ChartAxes? axes = null, double? scale = null)
    {
        ArgumentNullException.ThrowIfNull(rows);
        ArgumentNullException.ThrowIfNull(columns);
        ArgumentNullException.ThrowIfNull(value);
        double largest = scale ?? Largest(rows.Count, columns.Count, value);
        var svg = new StringBuilder();
        int left = Math.Max(Left, 16 + 7 * rows.Select(r => r.Length).DefaultIfEmpty(0).Max());
        int top = Top + (axes is null ? 0 : AxisName), bottom = top + rows.Count * CellHeight;
        Begin(svg, title, Math.Max(left + columns.Count * Cell + 10, left + 190), bottom + Key + 10);
        if (axes is not null)
        {
            Text(svg, left, Top - 2, "start", axes.Across);
            Text(svg, left - 8, top - 6, "end", axes.Down);
        }
        for (int c = 0; c < columns.Count; c++)
            Text(svg, left + c * Cell + Cell / 2, top - 6, "middle", columns[c]);
        bool below = false;
        for (int r = 0; r < rows.Count; r++)
        {
            int y = top + r * CellHeight;
            Text(svg, left - 8, y + 20, "end", rows[r]);
            for (int c = 0; c < columns.Count; c++)
            {
                below |= value(r, c) < 0;
                AppendCell(svg, left + c * Cell, y, value(r, c), largest, format, $"{rows[r]}, {columns[c]}");
            }
        }
        AppendKey(svg, left, bottom + Key - 8, largest, below, format);
        return svg.Append("</svg>").ToString();
    }

    /// <summary>Returns the largest size of the finite values of a grid, 0 without any.</summary>
    public static double Largest(int rows, int columns, Func<int, int, double> value)
    {
        ArgumentNullException.ThrowIfNull(value);
        double largest = 0;
        for (int r = 0; r < rows; r++)
            for (int c = 0; c < columns; c++)
                if (double.IsFinite(value(r, c)))
                    largest = Math.Max(largest, Math.Abs(value(r, c)));
        return largest;
    }

    static void AppendCell(
        StringBuilder svg, int x, int y, double v, double largest, string format, string place)
    {
        bool blank = !double.IsFinite(v);
        string number = blank ? "" : NumberText.Of(v, format);
        svg.Append(CultureInfo.InvariantCulture,
            $"<rect class=\"{(blank ? "blank" : v < 0 ? "down" : "up")}\" x=\"{x}\" y=\"{y}\" "
            + $"width=\"{Cell - 2}\" height=\"{CellHeight - 2}\" rx=\"3\" "
            + $"fill-opacity=\"{(blank ? 0 : Opacity(v, largest)):0.###}\">")
            .Append("<title>").Append(WebUtility.HtmlEncode($"{place}: {(blank ? "no value" : number)}"))
            .Append("</title></rect>");
        Text(svg, x + Cell / 2 - 1, y + 19, "middle", number);
    }

    static double Opacity(double value, double largest) => Faintest
        + (Strongest - Faintest) * (largest > 0 ? Math.Min(1, Math.Abs(value) / largest) : 0);

    static void AppendKey(StringBuilder svg, int x, int y, double largest, bool below, string format)
    {
        double[] marks = below ? [-largest, 0, largest] : [0, largest];
        for (int i = 0; i < marks.Length; i++)
        {
            svg.Append(CultureInfo.InvariantCulture, $"<circle class=\"{(marks[i] < 0 ? "down" : "up")}\" "
                + $"cx=\"{x + 6 + 62 * i}\" cy=\"{y - 4}\" r=\"6\" "
                + $"fill-opacity=\"{Opacity(marks[i], largest):0.###}\"/>");
            Text(svg, x + 16 + 62 * i, y, "start", NumberText.Of(marks[i], format));
        }
    }

    /// <summary>
    /// Draws bars from zero upwards, each with its value above it; the title says what they measure.
    /// </summary>
    public static string Bars(string title, IReadOnlyList<ChartBar> bars, string format = "0.0 %")
    {
        ArgumentNullException.ThrowIfNull(bars);
        double largest = bars.Select(b => Math.Max(b.Value, b.Spread?.High ?? 0)).DefaultIfEmpty(0).Max();
        var svg = new StringBuilder();
        Begin(svg, title, 20 + bars.Count * BarWidth, Top + BarHeight + 40);
        int ground = Top + BarHeight + 10;
        for (int i = 0; i < bars.Count; i++)
        {
            double Height(double value) => largest > 0 ? value / largest * (BarHeight - 20) : 0;
            double height = Height(bars[i].Value), top = height;
            int middle = 10 + i * BarWidth + BarWidth / 2;
            svg.Append(CultureInfo.InvariantCulture, $"<rect class=\"{(bars[i].Strong ? "up" : "plain")}\" "
                + $"x=\"{middle - 24}\" y=\"{ground - height:0.##}\" width=\"48\" "
                + $"height=\"{height:0.##}\" rx=\"3\"/>");
            if (bars[i].Spread is var (low, high))
            {
                top = Math.Max(height, Height(high));
                svg.Append(CultureInfo.InvariantCulture,
                    $"<line class=\"spread\" x1=\"{middle}\" x2=\"{middle}\" "
                    + $"y1=\"{ground - Height(low):0.##}\" y2=\"{ground - Height(high):0.##}\"/>");
            }
            Text(svg, middle, (int)(ground - top - 6), "middle",
                NumberText.Of(bars[i].Value, format));
            Text(svg, middle, ground + 18, "middle", bars[i].Label);
        }
        svg.Append(CultureInfo.InvariantCulture,
            $"<line class=\"axis\" x1=\"10\" x2=\"{10 + bars.Count * BarWidth}\" "
            + $"y1=\"{ground}\" y2=\"{ground}\"/>");
        return svg.Append("</svg>").ToString();
    }

    static void Begin(StringBuilder svg, string title, int width, int height)
    {
        width = Math.Max(width, 20 + 8 * title.Length); // wide enough for the title
        string name = WebUtility.HtmlEncode(title);
        svg.Append(CultureInfo.InvariantCulture, $"<svg class=\"ht\" xmlns=\"http://www.w3.org/2000/svg\" "
            + $"viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" "
            + $"role=\"img\" aria-label=\"{name}\">")
            .Append(Style);
        svg.Append(CultureInfo.InvariantCulture, $"<text class=\"t\" x=\"10\" y=\"16\">{name}</text>");
    }

    static void Text(StringBuilder svg, int x, int y, string anchor, string text) => svg.Append(
        CultureInfo.InvariantCulture,
        $"<text x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\">{WebUtility.HtmlEncode(text)}</text>");
}
