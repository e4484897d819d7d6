using HeadTap.Reports;

namespace HeadTap.Cli;

/// <summary>The tour's findings as one HTML page.</summary>
static class TourReport
{
    internal static HtmlReport Make(TourFindings found)
    {
        var report = new HtmlReport("HeadTap: a tour of a small GPT-2");
        report.Table(["", ""],
        [
            ["model", found.ModelText],
            ["weights", $"sha256 {found.Hash}"],
            ["device", found.DeviceText],
            ["precision", "float32"],
            ["version", VersionAction.Version],
        ]);
        AddQuestions(report, found);
        AddHeads(report, found);
        AddInjection(report, found);
        AddSecrets(report, found);
        return report;
    }

    static void AddQuestions(HtmlReport report, TourFindings found)
    {
        report.Heading("What it knows");
        report.Paragraph("The model was trained on sentences made from a table of countries. "
            + "Single facts were told for every country. Facts that go through a second one (\"the capital "
            + "of the country whose currency is ...\") were told for some countries only; for the others the "
            + "model would have to combine two facts.");
        report.Table(["questions", "asked#", "right#"],
            found.Questions.Kinds.Select(k => (IReadOnlyList<string>)
            [k.Name, $"{k.Asked.Count}", $"{TourQuestions.ShareRight(k.Asked):P1}"]));
        report.Paragraph("Three of each kind, evenly spaced. The probability is that of the whole "
            + "right answer with its full stop.");
        report.Table(["question", "right answer", "probability#", "the model writes"],
            found.Questions.Kinds.SelectMany(k => TourQuestions.Examples(k.Asked))
            .Select(q => (IReadOnlyList<string>)
                [q.Ask.Prompt + " ...", q.Ask.Answer.Trim(), $"{q.Score.Probability:P1}",
                    found.Questions.Continue(q.Tokens)]));
    }

    static void AddHeads(HtmlReport report, TourFindings found)
    {
        TourQuestion q = found.LensQuestion;
        int L = found.Model.Config.Layers, H = found.Model.Config.Heads;
        report.Heading("What its heads write");
        report.Paragraph($"\"{q.Ask.Prompt} ...{q.Ask.Answer}\": what each attention head adds to "
            + "the residual stream at the last position, put through the final LayerNorm (with that "
            + "position's scale) and the unembedding.");
        report.Figure(SvgChart.HeatMap("Logit of the answer, above the vocabulary's mean",
                [.. Enumerable.Range(0, L).Select(l => $"layer {l}")],
                [.. Enumerable.Range(0, H).Select(h => $"{h}")],
                (l, h) => found.Toward(l, h)),
            "Layers from top to bottom, heads from left to right. Orange raises the answer, blue lowers it.");
        if (found.Learned is { } learned)
            report.Paragraph("Beside it what each head says by its learned lens: an affine map of what the "
                + "head writes, learned so that the maps of a layer's heads together say what the model says "
                + $"({learned.Facts.Lens.Kind} lens, `headtap lens train`; more with `headtap lens read`).");
        report.Table(["head", "toward the answer#", "points at", "says, by the learned lens"],
            from layer in Enumerable.Range(0, L)
            from head in Enumerable.Range(0, H)
            select (IReadOnlyList<string>)[$"{layer}.{head}", $"{found.Toward(layer, head):+0.00;-0.00;0.00}",
                found.Top(layer, head), found.Learned?.Top(layer, head) ?? ""]);
    }

    static void AddInjection(HtmlReport report, TourFindings found)
    {
        TourInjection injection = found.Injection;
        TourQuestion q = injection.Question;
        int layer = injection.Memory.Layer, L = found.Model.Config.Layers;
        int tau = Array.IndexOf(TourInjection.Taus, injection.Memory.Tau);
        report.Heading("Injecting a memory");
        report.Paragraph($"\"{q.Ask.Prompt} ...{q.Ask.Answer}\" was never told. The memory "
            + $"\"{injection.Name}\", the country that the question goes round, is added to what layer "
            + $"{layer}'s attention writes, {injection.Memory.Tau} times its unembedding.");
        report.Paragraph($"This case was chosen: of {injection.Tried} such questions that the "
            + $"model gets wrong, all layers and {TourInjection.Taus.Length} magnitudes, it is the one whose "
            + "probability rises most. It shows what an injection can do, not what it does on average.");
        List<ChartBar> bars = [new("no memory", q.Score.Probability)];
        for (int l = 0; l < L; l++)
            bars.Add(new($"layer {l}", injection.Table[l, tau], l == layer));
        report.Figure(SvgChart.Bars($"Probability of{q.Ask.Answer}, tau {injection.Memory.Tau}", bars),
            $"Before: {q.Score.Probability:P2}, the model writes \"{found.Without}\". "
            + $"After: {injection.After.Probability:P2}, it writes \"{found.With}\".");
        report.Figure(SvgChart.HeatMap("Change of the probability, percentage points",
            [.. Enumerable.Range(0, L).Select(l => $"layer {l}")],
            [.. TourInjection.Taus.Select(t => $"{t}")],
            (l, t) => 100 * (injection.Table[l, t] - q.Score.Probability)),
                "Magnitude tau from left to right.");
        report.Paragraph("The same as an edit spec, for trace, grad and generate --edit:");
        report.Code(injection.Spec);
        report.Paragraph(injection.Restored
            ? "After the edit ended, the model gave the same bits as before it."
            : "After the edit ended, the model did NOT give the same bits as before it.");
    }

    static void AddSecrets(HtmlReport report, TourFindings found)
    {
        report.Heading("What it has memorised");
        int extracted = found.Extraction.Extracted.Count(e => e);
        report.Paragraph($"{found.Secrets.Count} sentences with random codes were planted in "
            + $"the training text. {extracted} of them come out word for word when the model is given "
            + "their beginning.");
        report.Table(["beginning", "code", ""], found.Secrets.Select((s, i) => (IReadOnlyList<string>)
            [s.Prompt + " ...", s.Code, found.Extraction.Extracted[i] ? "comes out" : "does not"]));
        if (found.Forgetting is not { } forgetting)
            return;
        report.Heading("Forgetting one of them");
        foreach (string line in forgetting.Lines(TourQuestions.ShareRight(found.Questions.OneHop)))
            report.Paragraph(char.ToUpperInvariant(line[0]) + line[1..] + ".");
        report.Paragraph("Twenty methods, budgets and what they cost the rest: headtap unlearn run and "
            + "sweep, docs/unlearn.md.");
    }
}
