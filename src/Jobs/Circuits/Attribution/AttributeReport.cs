using HeadTap.Circuits;
using HeadTap.Reports;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>The page of <see cref="AttributeJob"/>: the circuit as a graph, effects of nodes and
/// edges.</summary>
static class AttributeReport
{
    internal static HtmlReport Make(AttributeResult found, ContrastData data, int top)
    {
        var page = new HtmlReport("Which edges make the answer");
        page.Paragraph($"{Counted.Of(found.Pairs, "pair")} of prompts. {What(found.Metric)} is "
            + $"{found.Clean:0.000} after the clean prompt and {found.Corrupt:0.000} after the corrupted one"
            + (found.Pairs > 1 ? ", on average" : "") + ". The effect of a node or an edge is how much the "
            + "metric of the corrupted run would rise if that node's clean output, or what that edge carries "
            + "of it, took the place of its own; it is estimated from gradients, not measured.");
        if (found.Pairs == 1)
            Prompts(page, data, data.Pairs[0]);
        CircuitResult circuit = found.Circuit;
        page.Heading("The circuit").Figure(CircuitPicture.Draw(found, data.Config),
            "Nodes write upwards. Orange edges raise the metric, blue ones lower it; the dashes say what a "
            + "head reads an edge for. Rest on an edge for its effect.");
        page.Paragraph($"With only these {circuit.Edges.Count} of {circuit.Of} edges carrying clean values "
            + $"the metric is {circuit.Value:0.000}: a faithfulness of {Percent(circuit.Faithfulness)}"
            + (circuit.Low is { } low ? $" ({Percent(low)} to {Percent(circuit.High!.Value)})" : "") + ".");
        bool spread = found.Pairs > 1;
        page.Details("Its edges, largest effect first", inside => inside.Table(
            ["edge", "effect#", .. spread ? (string[])["from#", "to#"] : []],
            circuit.Edges.Select(e => (IReadOnlyList<string>)[e.Name, Signed(e.Effect),
                .. spread ? (string[])[Signed(e.Low!.Value), Signed(e.High!.Value)] : []])));
        Nodes(page, found, data, top);
        if (found.Positions is { } positions)
            PositionPicture.AddTo(page, positions);
        Method(page, found);
        return page;
    }

    static void Prompts(HtmlReport page, ContrastData data, ContrastPair pair)
        => page.Table(["", "tokens"],
        [
            ["clean", Words(data, pair.Clean)], ["corrupted", Words(data, pair.Corrupt!)],
            ["answer", data.Piece(pair.Answer)],
            .. pair.Wrong is { } wrong ? (string[][])[["wrong", data.Piece(wrong)]] : [],
        ]);

    static string Words(ContrastData data, int[] ids)
        => string.Join(' ', ids.Select(id => VisibleText.Of(data.Piece(id))));

    static void Nodes(HtmlReport page, AttributeResult found, ContrastData data, int top)
    {
        int H = data.Config.Heads;
        page.Heading("Nodes").Figure(SvgChart.HeatMap("Effect of each node",
            [.. Enumerable.Range(0, data.Config.Layers).Select(l => $"layer {l}")],
            [.. Enumerable.Range(0, H).Select(h => $"head {h}"), "mlp"],
            (l, h) => found.Nodes.Single(n => n.Layer == l && n.Head == (h < H ? h : (int?)null)).Effect,
            "0.00", new("head", "layer")), "Effects of heads and feed-forward blocks.");
        bool spread = found.Pairs > 1, patched = found.Agreement is not null;
        page.Table(["node", "effect#", .. spread ? (string[])["from#", "to#"] : [],
            .. patched ? (string[])["patched#"] : []],
            found.Nodes.Skip(1).OrderByDescending(n => Math.Abs(n.Effect)).Take(top).Select(n =>
                (IReadOnlyList<string>)[n.Node, Signed(n.Effect),
                    .. spread ? (string[])[Signed(n.Low!.Value), Signed(n.High!.Value)] : [],
                    .. patched ? (string[])[Signed(n.Patched!.Value)] : []]));
        if (found.Agreement is { } agreement)
            page.Paragraph($"Patched one by one, nodes agree with the estimates: correlation "
                + $"{agreement.Pearson:0.000}, of ranks {agreement.Spearman:0.000}; "
                + $"{Percent(agreement.Overlap)} of the {agreement.Top} largest are the same.");
    }

    static void Method(HtmlReport page, AttributeResult found)
        => page.Heading("How it was made").Paragraph((found.IgSteps == 0
                ? "Gradients are those of the corrupted run (EAP, arXiv 2310.10348)."
                : $"Gradients are means over {Counted.Of(found.IgSteps, "point")} between the embeddings of "
                    + "the two prompts (EAP-IG, arXiv 2403.17806).")
            + $" The effect of the embeddings is {found.Completeness.Effect:0.000} where the whole "
            + $"difference is {found.Completeness.Difference:0.000}: the completeness error is "
            + $"{found.Completeness.Error:0.0000}. Model {found.ModelHash}.");

    static string What(string metric) => metric switch
    {
        "logit-diff" => "The logit of the answer less that of the wrong answer",
        "logprob" => "The log-probability of the answer",
        _ => "The divergence from the clean run",
    };

    static string Signed(double value) => $"{value:+0.0000;-0.0000;0.0000}";

    static string Percent(double share) => $"{share:0.0 %}";
}
