using System.Globalization;
using System.Net;
using System.Text;

namespace HeadTap.Reports;

/// <summary>A line of <see cref="SvgChart.Lines"/>.</summary>
/// <param name="Name">Name in the legend.</param>
/// <param name="Values">One value per label; finite, and above zero on the axis
/// <see cref="ChartAxis.Rank"/>.</param>
public sealed record ChartLine(string Name, IReadOnlyList<double> Values);

/// <summary>Scales of the value axis of <see cref="SvgChart.Lines"/>.</summary>
public enum ChartAxis
{
    /// <summary>Linear, includes zero, larger values are higher.</summary>
    Even,

    /// <summary>Logarithmic for ranks, with 1, the best rank, at the top.</summary>
    Rank,
}

public static partial class SvgChart
{
    const int Step = 62, LineHeight = 190, LineLeft = 58, Legend = 150;

    // Strokes differ in dashes too, so they can be distinguished without colour.
    static readonly (string Class, string Dash)[] s_strokes =
        [("s0", ""), ("s1", "6 4"), ("s2", "2 3"), ("s3", "10 3 2 3")];

    /// <summary>Draws up to four lines over the same labels, with a dot for each value.</summary>
    /// <param name="title">Title above the chart.</param>
    /// <param name="labels">Labels below the chart, from the left.</param>
    /// <param name="lines">Lines to draw; at most four.</param>
    /// <param name="axis">Scale of the value axis.</param>
    /// <param name="format">.NET number format of the values.</param>
    /// <param name="names">Names of the axes; null for none.</param>
    public static string Lines(string title, IReadOnlyList<string> labels, IReadOnlyList<ChartLine> lines,
        ChartAxis axis = ChartAxis.Even, string format = "0.00", ChartAxes? names = null)
    {
        ArgumentNullException.ThrowIfNull(labels);
        ArgumentNullException.ThrowIfNull(lines);
        if (lines.Count > s_strokes.Length || lines.Any(l => l.Values.Count != labels.Count))
            throw new ArgumentException(
                $"{lines.Count} lines of {labels.Count} values each; expected at most {s_strokes.Length}.");
        (double top, double bottom, double[] ticks) = Extent(lines, axis);
        double Y(double value) => Top + (top - Place(value, axis)) / (top - bottom) * LineHeight;
        var svg = new StringBuilder();
        int right = LineLeft + labels.Count * Step;
        Begin(svg, title, right + Legend, Top + LineHeight + 34 + (names is null ? 0 : AxisName));
        if (names is not null)
        {
            Text(svg, 10, Top - 8, "start", names.Down);
            Text(svg, (LineLeft + right) / 2, Top + LineHeight + 22 + AxisName, "middle", names.Across);
        }
        foreach (double tick in ticks)
        {
            svg.Append(CultureInfo.InvariantCulture, $"<line class=\"grid\" x1=\"{LineLeft}\" "
                + $"x2=\"{right}\" y1=\"{Y(tick):0.##}\" y2=\"{Y(tick):0.##}\"/>");
            Text(svg, LineLeft - 8, (int)Y(tick) + 4, "end",
                NumberText.Of(tick, axis == ChartAxis.Rank ? "0" : format));
        }
        for (int i = 0; i < labels.Count; i++)
            Text(svg, X(i), Top + LineHeight + 22, "middle", labels[i]);
        for (int s = 0; s < lines.Count; s++)
            AppendLine(svg, lines[s], s, labels, Y, format, right + 14);
        return svg.Append("</svg>").ToString();
    }

    static int X(int i) => LineLeft + i * Step + Step / 2;

    static double Place(double value, ChartAxis axis) => axis == ChartAxis.Rank ? -Math.Log10(value) : value;

    static (double Top, double Bottom, double[] Ticks) Extent(
        IReadOnlyList<ChartLine> lines, ChartAxis axis)
    {
        double[] values = [.. lines.SelectMany(l => l.Values)];
        if (axis == ChartAxis.Rank)
        {
            int decades = Math.Max(1, (int)Math.Ceiling(Math.Log10(values.DefaultIfEmpty(1).Max())));
            return (0, -decades, [.. Enumerable.Range(0, decades + 1).Select(d => Math.Pow(10, d))]);
        }
        double most = Math.Max(0, values.DefaultIfEmpty(1).Max());
        double least = Math.Min(0, values.DefaultIfEmpty(0).Min());
        if (most == least)
            most = 1;
        double step = Math.Pow(10, Math.Floor(Math.Log10(most - least)));
        step = (most - least) / step <= 2 ? step / 2 : (most - least) / step <= 5 ? step : 2 * step;
        int first = (int)Math.Floor(least / step), last = (int)Math.Ceiling(most / step);
        return (last * step, first * step,
            [.. Enumerable.Range(first, last - first + 1).Select(t => t * step)]);
    }

    static void AppendLine(StringBuilder svg, ChartLine line, int index, IReadOnlyList<string> labels,
        Func<double, double> Y, string format, int legend)
    {
        (string style, string dash) = s_strokes[index];
        string points = string.Join(' ', line.Values.Select((v, i) =>
            string.Create(CultureInfo.InvariantCulture, $"{X(i)},{Y(v):0.##}")));
        svg.Append(CultureInfo.InvariantCulture,
            $"<polyline class=\"line {style}\" stroke-dasharray=\"{dash}\" points=\"{points}\"/>");
        for (int i = 0; i < labels.Count; i++)
            svg.Append(CultureInfo.InvariantCulture,
                $"<circle class=\"dot {style}\" cx=\"{X(i)}\" cy=\"{Y(line.Values[i]):0.##}\" r=\"4\">")
                .Append("<title>").Append(WebUtility.HtmlEncode($"{line.Name}, {labels[i]}: "))
                .Append(NumberText.Of(line.Values[i], format))
                .Append("</title></circle>");
        int y = Top + 14 + 22 * index;
        svg.Append(CultureInfo.InvariantCulture, $"<line class=\"line {style}\" stroke-dasharray=\"{dash}\" "
            + $"x1=\"{legend}\" x2=\"{legend + 26}\" y1=\"{y - 4}\" y2=\"{y - 4}\"/>");
        Text(svg, legend + 32, y, "start", line.Name);
    }
}
