using System.Globalization;
using System.Net;
using System.Text;

namespace HeadTap.Reports;

public static partial class SvgChart
{
    const int TokenWidth = 70, TokenHeight = 22, LongestToken = 9;

    /// <summary>
    /// Draws a grid of words, each on a colour that says how large its value is. Resting on a cell shows the
    /// whole word and the value.
    /// </summary>
    /// <param name="title">Title above the grid.</param>
    /// <param name="rows">Names of the rows, from the top.</param>
    /// <param name="columns">Names of the columns, from the left; long ones are cut.</param>
    /// <param name="cell">Function that returns word and value of (row, column); a value that is not finite
    /// has no colour.</param>
    /// <param name="format">.NET number format of the values.</param>
    /// <param name="axes">Names of the columns and the rows.</param>
    /// <param name="scale">Value with the full colour.</param>
    public static string TokenMap(string title, IReadOnlyList<string> rows, IReadOnlyList<string> columns,
        Func<int, int, (string Word, double Value)> cell, string format, ChartAxes axes, double scale)
    {
        ArgumentNullException.ThrowIfNull(rows);
        ArgumentNullException.ThrowIfNull(columns);
        ArgumentNullException.ThrowIfNull(cell);
        ArgumentNullException.ThrowIfNull(axes);
        int left = Math.Max(Left, 16 + LetterWidth * rows.Select(r => r.Length).DefaultIfEmpty(0).Max());
        int top = Top + AxisName, bottom = top + rows.Count * TokenHeight;
        var svg = new StringBuilder();
        Begin(svg, title, Math.Max(left + columns.Count * TokenWidth + 10, left + 190), bottom + Key + 10);
        Text(svg, left, Top - 2, "start", axes.Across);
        Text(svg, left - 8, top - 6, "end", axes.Down);
        for (int c = 0; c < columns.Count; c++)
            Text(svg, left + c * TokenWidth + TokenWidth / 2, top - 6, "middle",
                Cut(columns[c], LongestToken));
        for (int r = 0; r < rows.Count; r++)
        {
            int y = top + r * TokenHeight;
            Text(svg, left - 8, y + 15, "end", rows[r]);
            for (int c = 0; c < columns.Count; c++)
            {
                (string word, double value) = cell(r, c);
                bool blank = !double.IsFinite(value);
                string whole = $"{rows[r]}, {columns[c]}: {word}"
                    + (blank ? "" : $", {NumberText.Of(value, format)}");
                svg.Append(CultureInfo.InvariantCulture, $"<rect class=\"{(blank ? "plain" : "up")}\" "
                    + $"x=\"{left + c * TokenWidth}\" y=\"{y}\" width=\"{TokenWidth - 2}\" "
                    + $"height=\"{TokenHeight - 2}\" rx=\"3\" "
                    + $"fill-opacity=\"{(blank ? 0 : Opacity(value, scale)):0.###}\">")
                    .Append("<title>").Append(WebUtility.HtmlEncode(whole)).Append("</title></rect>");
                Text(svg, left + c * TokenWidth + TokenWidth / 2 - 1, y + 15, "middle",
                    Cut(word, LongestToken));
            }
        }
        AppendKey(svg, left, bottom + Key - 8, scale, below: false, format);
        return svg.Append("</svg>").ToString();
    }

    static string Cut(string name, int longest)
        => name.Length <= longest ? name : name[..(longest - 1)] + "…";
}
