using System.Globalization;
using System.Net;
using System.Text;

namespace HeadTap.Reports;

public static partial class SvgChart
{
    const int StripCell = 3, StripHeight = 18, StripGap = 12, StripLeft = 150;

    /// <summary>
    /// Draws rows of narrow cells in groups side by side. A cell is darker the larger its value is relative
    /// to the largest of its row, so rows show where values are large, but cannot be compared with each
    /// other.
    /// </summary>
    /// <param name="title">Title above the chart.</param>
    /// <param name="rows">Labels of the rows, from the top.</param>
    /// <param name="groups">Labels of the groups, from the left.</param>
    /// <param name="values">Function that returns the cells of (row, group); values are at least 0, and all
    /// groups have the same number of cells.</param>
    public static string Strips(string title, IReadOnlyList<string> rows, IReadOnlyList<string> groups,
        Func<int, int, IReadOnlyList<double>> values)
    {
        ArgumentNullException.ThrowIfNull(rows);
        ArgumentNullException.ThrowIfNull(groups);
        ArgumentNullException.ThrowIfNull(values);
        int cells = rows.Count == 0 ? 0 : groups.Select((_, g) => values(0, g).Count).DefaultIfEmpty(0).Max();
        int step = cells * StripCell + StripGap;
        var svg = new StringBuilder();
        Begin(svg, title, StripLeft + groups.Count * step + 10, Top + rows.Count * (StripHeight + 4) + 10);
        for (int g = 0; g < groups.Count; g++)
            Text(svg, StripLeft + g * step + cells * StripCell / 2, Top - 6, "middle", groups[g]);
        for (int r = 0; r < rows.Count; r++)
        {
            int y = Top + r * (StripHeight + 4);
            Text(svg, StripLeft - 8, y + 13, "end", rows[r]);
            double largest = groups.SelectMany((_, g) => values(r, g)).DefaultIfEmpty(0).Max();
            for (int g = 0; g < groups.Count; g++)
                AppendStrip(svg, values(r, g), largest, StripLeft + g * step, y, $"{rows[r]}, {groups[g]}");
        }
        return svg.Append("</svg>").ToString();
    }

    static void AppendStrip(
        StringBuilder svg, IReadOnlyList<double> values, double largest, int x, int y, string name)
    {
        svg.Append(CultureInfo.InvariantCulture, $"<rect class=\"plain\" x=\"{x}\" y=\"{y}\" "
            + $"width=\"{values.Count * StripCell}\" height=\"{StripHeight}\" fill-opacity=\"0.12\">")
            .Append("<title>").Append(WebUtility.HtmlEncode(name)).Append("</title></rect>");
        for (int i = 0; i < values.Count; i++)
            if (values[i] > 0)
                svg.Append(CultureInfo.InvariantCulture, $"<rect class=\"up\" x=\"{x + i * StripCell}\" "
                    + $"y=\"{y}\" width=\"{StripCell}\" height=\"{StripHeight}\" "
                    + $"fill-opacity=\"{0.15 + 0.85 * values[i] / largest:0.##}\"/>");
    }
}
