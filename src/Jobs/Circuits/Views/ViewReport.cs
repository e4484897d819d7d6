using HeadTap.Circuits;
using HeadTap.Models;
using HeadTap.Reports;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>The page of <see cref="ViewJob"/>.</summary>
static class ViewReport
{
    const int Listed = 20; // heads in the table without JavaScript

    internal static HtmlReport Make(ShownPrompts shown, ComputeDevice device)
    {
        var text = new LensText(shown.Prompt.Tokenizer);
        var report = new HtmlReport("What happens to a prompt");
        report.Paragraph("Where each head looks, what it writes in words, what every part of the model adds "
            + "to a token's logit, and how the prediction forms along the residual stream. Choose a position "
            + "and a head by a click or with the keys that the end of this part lists.");
        report.Widget(PageAsset.Read("view.css") + PageAsset.Read("stream-grid.css"),
            PageAsset.Read("view.html"), PageAsset.Read("view-parts.js") + PageAsset.Read("view.js")
                + PageAsset.Read("stream-grid.js") + PageAsset.Read("view-words.js"), ViewData.Of(shown));
        foreach (ShownRun run in shown.Runs)
            AddTables(report, run, shown, text);
        report.Heading("How it was made");
        report.Table(["", ""],
        [
            .. shown.Runs.Select(run => (IReadOnlyList<string>)[$"model of {run.Title}",
                $"hash {run.ModelHash}"]),
            ["rounding", "a pattern p is kept as a byte, off by at most 0.004 sqrt(p); z as a signed byte; "
                + "contributions with 16 bits"],
            ["device", $"{device.Name}: {device.Entry.Description}"],
            ["precision", device.Precision.ManifestName()],
            ["version", new Manifest { Command = "" }.CodeVersion],
        ]);
        return report;
    }

    static void AddTables(HtmlReport report, ShownRun run, ShownPrompts shown, LensText text)
    {
        ComponentContributions added = run.View.Contributions;
        int K = shown.Chosen.Count, P = added.Components.Count, last = run.View.Tokens.Count - 1;
        report.Heading($"After the last token of {run.Title}");
        report.Table(["next token", "probability#"], run.View.Stream[^1][last].Top.Select(t =>
            (IReadOnlyList<string>)[text.Visible(t.Token), $"{t.Probability:P2}"]));
        string toward = text.Visible(shown.Chosen[0])
            + (shown.Wrong ? $" less {text.Visible(shown.Chosen[1])}" : "");
        var parts = added.Components.Select((part, p) => (Part: part,
            Value: added.Values[(last * P + p) * K]
                - (shown.Wrong ? added.Values[(last * P + p) * K + 1] : 0))).ToArray();
        report.Paragraph($"The logit of {toward} is {parts.Sum(p => p.Value):0.00}. The parts that add or "
            + "take away most:");
        report.Table(["part", "adds#"], parts.OrderByDescending(p => Math.Abs(p.Value)).Take(Listed)
            .Select(p => (IReadOnlyList<string>)[ShownPrompts.NameOf(p.Part),
                $"{p.Value:+0.00;-0.00;0.00}"]));
    }
}
