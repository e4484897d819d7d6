using HeadTap.Reports;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>The page of <see cref="AttributeDirectJob"/>: a map of layers and heads, and all parts.</summary>
static class AttributeDirectReport
{
    internal static HtmlReport Make(AttributeDirectResult found, ContrastData data, int top)
    {
        int H = data.Config.Heads;
        var page = new HtmlReport("What adds to a logit");
        page.Paragraph((found.Answer is { } answer
                ? $"The logit of \"{answer}\""
                    + (found.Wrong is { } wrong ? $" less that of \"{wrong}\"" : "")
                : $"The mean over {Counted.Of(found.Pairs, "prompt")} of the answer's logit, less the wrong "
                    + "answer's where there is one")
            + $" after the last token is {found.Logit:0.000}. It is the sum of the parts below: what "
            + "embedding, heads, feed-forward blocks and biases write, read through the final LayerNorm with "
            + "its scale frozen and the unembedding. The mean over the vocabulary is not subtracted.");
        page.Figure(SvgChart.HeatMap("What heads and blocks add to the logit",
            [.. Enumerable.Range(0, data.Config.Layers).Select(l => $"layer {l}")],
            [.. Enumerable.Range(0, H).Select(h => $"head {h}"), "mlp"],
            (l, h) => found.Parts.Where(p => p.Layer == l && (h < H ? p.Head == h
                : p.Kind is "mlp" or "neuron" or "other_neurons")).Sum(p => p.Value),
            "0.00", new("head", "layer")), "Orange parts raise the logit, blue ones lower it.");
        bool spread = found.Pairs > 1;
        string[] columns = ["part", "adds#", .. spread ? (string[])["from#", "to#"] : []];
        page.Heading($"The {Math.Min(top, found.Parts.Count)} largest parts")
            .Table(columns, Rows(found.Parts.OrderByDescending(p => Math.Abs(p.Value)).Take(top)));
        page.Details("All parts, in the order of the pass",
            inside => inside.Table(columns, Rows(found.Parts)));
        page.Paragraph($"Model {found.ModelHash}. Sum of the parts {found.Sum:0.000000}, logit "
            + $"{found.Logit:0.000000}; they differ by float32 rounding.");
        return page;

        IEnumerable<IReadOnlyList<string>> Rows(IEnumerable<LogitPartResult> parts)
            => parts.Select(p => (IReadOnlyList<string>)[p.Name, $"{p.Value:+0.000;-0.000;0.000}",
                .. spread ? (string[])[$"{p.Low:0.000}", $"{p.High:0.000}"] : []]);
    }
}
