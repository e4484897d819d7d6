using HeadTap.Models;
using HeadTap.Reports;

namespace HeadTap.Jobs;

/// <summary>Makes the HTML page of the tour.</summary>
static class TourReport
{
    internal static HtmlReport Make(TourResult found)
    {
        var report = new HtmlReport("HeadTap: a tour of a small GPT-2");
        report.Table(["", ""],
        [
            ["model", found.Model],
            ["weights", $"sha256 {found.ModelHash}"],
            ["device", found.DeviceText],
            ["precision", "float32"],
            ["version", new Manifest { Command = "" }.CodeVersion],
        ]);
        AddQuestions(report, found);
        AddHeads(report, found);
        AddPatching(report, found.Patching, found.Heads);
        AddInjection(report, found);
        AddSecrets(report, found);
        AddMerging(report, found.Merging);
        return report;
    }

    static void AddQuestions(HtmlReport report, TourResult found)
    {
        report.Heading("What it knows");
        report.Paragraph("The model was trained on sentences made from a table of countries. "
            + "Single facts were told for every country. Facts that go through a second one (\"the capital "
            + "of the country whose currency is ...\") were told for some countries only; for the others the "
            + "model would have to combine two facts.");
        report.Table(["questions", "asked#", "right#"],
            found.Kinds.Select(k => (IReadOnlyList<string>)
            [k.Name, $"{k.Asked}", $"{k.ShareRight:P1}"]));
        report.Paragraph("Three of each kind, evenly spaced. The probability is that of the whole "
            + "right answer with its full stop.");
        report.Table(["question", "right answer", "probability#", "the model writes"],
            found.Kinds.SelectMany(k => k.Examples).Select(q => (IReadOnlyList<string>)
                [q.Prompt + " ...", q.Answer, $"{q.Probability:P1}", q.Writes]));
    }

    static void AddHeads(HtmlReport report, TourResult found)
    {
        if (found.Heads is not { } heads)
            return;
        int L = heads.Layers, H = heads.HeadsPerLayer;
        report.Heading("What its heads write");
        report.Paragraph($"\"{heads.Prompt} ...{heads.Answer}\": what each attention head adds to "
            + "the residual stream at the last position, put through the final LayerNorm (with that "
            + "position's scale) and the unembedding.");
        report.Figure(SvgChart.HeatMap("Logit of the answer, above the vocabulary's mean",
                [.. Enumerable.Range(0, L).Select(l => $"layer {l}")],
                [.. Enumerable.Range(0, H).Select(h => $"{h}")],
                (l, h) => heads.All[l * H + h].Toward, axes: new("head", "layer")),
            "Layers from top to bottom, heads from left to right. Orange raises the answer, blue lowers it.");
        if (heads.LensKind is { } kind)
            report.Paragraph("Beside it what each head says by its learned lens: an affine map of what the "
                + "head writes, learned so that the maps of a layer's heads together say what the model says "
                + $"({kind} lens, `headtap lens train`; more with `headtap lens read`).");
        report.Paragraph("What a head says is not what it does. The column \"removed\" is the change of the "
            + "log probability of the answer without the head.");
        report.Table(["head", "toward the answer#", "removed#", "points at", "says, by the learned lens"],
            heads.All.Select(h => (IReadOnlyList<string>)
                [$"{h.Layer}.{h.Head}", $"{h.Toward:+0.00;-0.00;0.00}", $"{h.Removed:+0.00;-0.00;0.00}",
                h.Top, h.Learned ?? ""]));
    }

    static void AddPatching(HtmlReport report, TourPatching? patching, TourHeads? heads)
    {
        if (patching is null || heads is null)
            return;
        report.Heading("Which heads carry the country");
        foreach (string line in patching.Lines())
            report.Paragraph(char.ToUpperInvariant(line[0]) + line[1..] + ".");
        report.Figure(SvgChart.HeatMap("Share of the way to the other answer",
                [.. Enumerable.Range(0, heads.Layers).Select(l => $"layer {l}")],
                [.. Enumerable.Range(0, heads.HeadsPerLayer).Select(h => $"{h}")],
                (l, h) => patching.Heads[l * heads.HeadsPerLayer + h].Share, axes: new("head", "layer")),
            "Activation patching of z, one head at a time: 0 does nothing, 1 does all.");
        report.Paragraph("Other sites, positions, paths and circuits: headtap patch, attribute, heads and "
            + "view, docs/heads.md.");
    }

    static void AddInjection(HtmlReport report, TourResult found)
    {
        TourInjection injection = found.Injection;
        int L = injection.Probabilities.Count;
        int tau = injection.Taus.ToList().IndexOf(injection.Tau);
        report.Heading("Injecting a memory");
        report.Paragraph($"\"{injection.Prompt} ...{injection.Answer}\" was never told. The memory "
            + $"\"{injection.Memory}\", the country that the question goes round, is added to what layer "
            + $"{injection.Layer}'s attention writes, {injection.Tau} times its unembedding.");
        report.Paragraph($"This case was chosen: of {injection.Tried} such questions that the "
            + $"model gets wrong, all layers and {injection.Taus.Count} magnitudes, it is the one whose "
            + "probability rises most. It shows what an injection can do, not what it does on average.");
        List<ChartBar> bars = [new("no memory", injection.ProbabilityBefore)];
        for (int l = 0; l < L; l++)
            bars.Add(new($"layer {l}", injection.Probabilities[l][tau], l == injection.Layer));
        report.Figure(SvgChart.Bars($"Probability of{injection.Answer}, tau {injection.Tau}", bars),
            $"Before: {injection.ProbabilityBefore:P2}, the model writes \"{injection.Without}\". "
            + $"After: {injection.ProbabilityAfter:P2}, it writes \"{injection.With}\".");
        report.Figure(SvgChart.HeatMap("Change of the probability, percentage points",
            [.. Enumerable.Range(0, L).Select(l => $"layer {l}")],
            [.. injection.Taus.Select(t => $"{t}")],
            (l, t) => 100 * (injection.Probabilities[l][t] - injection.ProbabilityBefore),
            axes: new("tau", "layer")),
            "Magnitude tau from left to right.");
        report.Paragraph("The same as an edit spec, for the verbs trace, grad and generate:");
        report.Code(injection.Spec);
        report.Paragraph(injection.Restored
            ? "After the edit ended, the model gave the same bits as before it."
            : "After the edit ended, the model did NOT give the same bits as before it.");
    }

    static void AddSecrets(HtmlReport report, TourResult found)
    {
        report.Heading("What it has memorised");
        int extracted = found.Secrets.Count(s => s.Extracted);
        report.Paragraph($"{found.Secrets.Count} sentences with random codes were planted in "
            + $"the training text. {extracted} of them come out word for word when the model is given "
            + "their beginning.");
        report.Table(["beginning", "code", ""], found.Secrets.Select(s => (IReadOnlyList<string>)
            [s.Prompt + " ...", s.Code, s.Extracted ? "comes out" : "does not"]));
        if (found.Forgetting is not { } forgetting)
            return;
        report.Heading("Forgetting one of them");
        foreach (string line in forgetting.Lines())
            report.Paragraph(char.ToUpperInvariant(line[0]) + line[1..] + ".");
        report.Paragraph("Seventeen published methods and six more, budgets and what they cost the rest: "
            + "headtap unlearn run and sweep, docs/unlearn.md.");
    }

    static void AddMerging(HtmlReport report, TourMerging? merging)
    {
        if (merging is null)
            return;
        report.Heading("Merging two edits");
        report.Paragraph($"Two copies of the model each forget a code by {TourForgetting.AscentSteps} steps: "
            + $"the first \"{merging.Prompts[0]} ...\", the second \"{merging.Prompts[1]} ...\". What an "
            + "edit added to the weights is its task vector, and the merge is the model with both added "
            + "(task arithmetic: theta_0 + t_1 + t_2).");
        report.Table(["weights", "writes for the first", "for the second", "other codes#", "one hop right#",
            "loss, nats#"], merging.States.Select(s => (IReadOnlyList<string>)[s.Name, s.Writes[0],
                s.Writes[1], $"{s.Others}", $"{s.OneHop:P1}", LandscapeTable.Nats(s.Loss)]));
        foreach (string line in merging.Lines())
            report.Paragraph(char.ToUpperInvariant(line[0]) + line[1..] + ".");
        report.Figure(SvgChart.Curves("Loss between the two edits", new("a", "nats"),
            [
                new("loss", [.. merging.Line.Select(p => (p.Alpha, p.Loss))]),
                new("straight line", [(0, merging.Line[0].Loss), (1, merging.Line[^1].Loss)]),
            ], "0.0000", (0, 1)),
            "Weights (1 - a) first + a second; mean next-token cross-entropy of sentences of one hop.");
        report.Paragraph("Other methods of merging, planes and paths: headtap merge run and landscape, "
            + "docs/merge.md.");
    }
}
