using System.Globalization;
using System.Net;
using System.Text;

namespace HeadTap.Reports;

public static partial class SvgChart
{
    const int SquareSize = 22, LetterWidth = 7, LongestName = 16;
    const double Slant = 0.77; // sine of the column names' 50 degrees

    /// <summary>
    /// Draws a grid of values as small squares without numbers, for many columns with long names such as
    /// tokens: orange above zero, blue below; larger values are stronger. Resting on a square shows its place
    /// and value.
    /// </summary>
    /// <param name="title">Title above the grid.</param>
    /// <param name="rows">Names of the rows, from the top.</param>
    /// <param name="columns">Names of the columns, from the left; written slantwise, long ones cut.</param>
    /// <param name="value">Function that returns the value of (row, column); the square is blank if it is not
    /// finite.</param>
    /// <param name="format">.NET number format of the values.</param>
    /// <param name="axes">Names of the columns and the rows.</param>
    /// <param name="scale">Value with the full colour; null for the largest of this map.</param>
    public static string ValueMap(string title, IReadOnlyList<string> rows, IReadOnlyList<string> columns,
        Func<int, int, double> value, string format, ChartAxes axes, double? scale = null)
    {
        ArgumentNullException.ThrowIfNull(rows);
        ArgumentNullException.ThrowIfNull(columns);
        ArgumentNullException.ThrowIfNull(value);
        ArgumentNullException.ThrowIfNull(axes);
        double largest = scale ?? Largest(rows.Count, columns.Count, value);
        string[] names = [.. columns.Select(c => Cut(c, LongestName))];
        int longest = names.Select(n => n.Length).DefaultIfEmpty(0).Max() * LetterWidth;
        int left = Math.Max(Left, 16 + LetterWidth * rows.Select(r => r.Length).DefaultIfEmpty(0).Max());
        int top = Top + AxisName + (int)(longest * Slant), bottom = top + rows.Count * SquareSize;
        int right = left + columns.Count * SquareSize;
        var svg = new StringBuilder();
        Begin(svg, title, Math.Max(right + longest, left + 190), bottom + Key + 10);
        Text(svg, left, Top - 2, "start", axes.Across);
        Text(svg, left - 8, top - 6, "end", axes.Down);
        for (int c = 0; c < columns.Count; c++)
        {
            int x = left + c * SquareSize + SquareSize / 2;
            svg.Append(CultureInfo.InvariantCulture, $"<text transform=\"translate({x},{top - 6}) "
                + $"rotate(-50)\">{WebUtility.HtmlEncode(names[c])}</text>");
        }
        bool below = false;
        for (int r = 0; r < rows.Count; r++)
        {
            Text(svg, left - 8, top + r * SquareSize + 15, "end", rows[r]);
            for (int c = 0; c < columns.Count; c++)
            {
                double v = value(r, c);
                below |= v < 0;
                string number = double.IsFinite(v) ? NumberText.Of(v, format) : "no value";
                AppendSquare(svg, left + c * SquareSize, top + r * SquareSize, v, largest,
                    $"{rows[r]}, {columns[c]}: {number}");
            }
        }
        AppendKey(svg, left, bottom + Key - 8, largest, below, format);
        return svg.Append("</svg>").ToString();
    }

    static void AppendSquare(StringBuilder svg, int x, int y, double v, double largest, string name)
    {
        (string colour, double opacity) = !double.IsFinite(v) ? ("plain", 0)
            : (v < 0 ? "down" : "up", Opacity(v, largest));
        svg.Append(CultureInfo.InvariantCulture, $"<rect class=\"{colour}\" x=\"{x}\" y=\"{y}\" "
            + $"width=\"{SquareSize - 1}\" height=\"{SquareSize - 1}\" fill-opacity=\"{opacity:0.###}\">")
            .Append("<title>").Append(WebUtility.HtmlEncode(name)).Append("</title></rect>");
    }
}
