using System.Globalization;
using System.Net;
using System.Text;

namespace HeadTap.Reports;

public static partial class SvgChart
{
    const int StripCell = 3, StripHeight = 18, StripGap = 12, StripLeft = 150, StripKey = 370;
    const double FaintestStrip = 0.15, EmptyStrip = 0.12; // opacity

    /// <summary>
    /// Draws rows of narrow cells in groups side by side. A cell is darker the larger its value is relative
    /// to the largest of its row, so rows show where values are large, but cannot be compared with each
    /// other. A key below says so.
    /// </summary>
    /// <param name="title">Title above the chart.</param>
    /// <param name="rows">Labels of the rows, from the top.</param>
    /// <param name="groups">Labels of the groups, from the left.</param>
    /// <param name="values">Function that returns the cells of (row, group); values are at least 0, and all
    /// groups have the same number of cells.</param>
    /// <param name="axes">Names of the groups and the rows; null for none.</param>
    public static string Strips(string title, IReadOnlyList<string> rows, IReadOnlyList<string> groups,
        Func<int, int, IReadOnlyList<double>> values, ChartAxes? axes = null)
    {
        ArgumentNullException.ThrowIfNull(rows);
        ArgumentNullException.ThrowIfNull(groups);
        ArgumentNullException.ThrowIfNull(values);
        int cells = rows.Count == 0 ? 0 : groups.Select((_, g) => values(0, g).Count).DefaultIfEmpty(0).Max();
        int step = cells * StripCell + StripGap;
        var svg = new StringBuilder();
        int top = Top + (axes is null ? 0 : AxisName), bottom = top + rows.Count * (StripHeight + 4);
        Begin(svg, title, StripLeft + Math.Max(groups.Count * step, StripKey) + 10, bottom + Key + 10);
        if (axes is not null)
        {
            Text(svg, StripLeft, Top - 2, "start", axes.Across);
            Text(svg, StripLeft - 8, top - 6, "end", axes.Down);
        }
        for (int g = 0; g < groups.Count; g++)
            Text(svg, StripLeft + g * step + cells * StripCell / 2, top - 6, "middle", groups[g]);
        for (int r = 0; r < rows.Count; r++)
        {
            int y = top + r * (StripHeight + 4);
            Text(svg, StripLeft - 8, y + 13, "end", rows[r]);
            double largest = groups.SelectMany((_, g) => values(r, g)).DefaultIfEmpty(0).Max();
            for (int g = 0; g < groups.Count; g++)
                AppendStrip(svg, values(r, g), largest, StripLeft + g * step, y, $"{rows[r]}, {groups[g]}");
        }
        AppendStripKey(svg, StripLeft, bottom + Key - 16);
        return svg.Append("</svg>").ToString();
    }

    static void AppendStripKey(StringBuilder svg, int x, int y)
    {
        (string Class, double Opacity, string Label, int Room)[] marks =
        [
            ("plain", EmptyStrip, "0", 46), ("up", StripOpacity(0.5), "half of the row's largest", 186),
            ("up", StripOpacity(1), "the row's largest", 0),
        ];
        foreach ((string name, double opacity, string label, int room) in marks)
        {
            svg.Append(CultureInfo.InvariantCulture, $"<rect class=\"{name}\" x=\"{x}\" y=\"{y}\" "
                + $"width=\"12\" height=\"12\" fill-opacity=\"{opacity:0.###}\"/>");
            Text(svg, x + 18, y + 10, "start", label);
            x += room;
        }
    }

    // Of a share of the row's largest value, above 0.
    static double StripOpacity(double share) => FaintestStrip + (1 - FaintestStrip) * share;

    static void AppendStrip(
        StringBuilder svg, IReadOnlyList<double> values, double largest, int x, int y, string name)
    {
        svg.Append(CultureInfo.InvariantCulture, $"<rect class=\"plain\" x=\"{x}\" y=\"{y}\" "
            + $"width=\"{values.Count * StripCell}\" height=\"{StripHeight}\" fill-opacity=\"{EmptyStrip}\">")
            .Append("<title>").Append(WebUtility.HtmlEncode(name)).Append("</title></rect>");
        for (int i = 0; i < values.Count; i++)
            if (values[i] > 0)
                svg.Append(CultureInfo.InvariantCulture, $"<rect class=\"up\" x=\"{x + i * StripCell}\" "
                    + $"y=\"{y}\" width=\"{StripCell}\" height=\"{StripHeight}\" "
                    + $"fill-opacity=\"{StripOpacity(values[i] / largest):0.##}\"/>");
    }
}
