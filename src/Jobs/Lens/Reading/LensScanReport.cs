using HeadTap.Lens;
using HeadTap.Models;
using HeadTap.Reports;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>The page of <see cref="LensScanJob"/>: a map of layers and heads.</summary>
static class LensScanReport
{
    const int ListedWords = 20;

    /// <summary>Makes the page.</summary>
    /// <param name="found">Findings of the scan.</param>
    /// <param name="list">Name of the word list.</param>
    internal static HtmlReport Make(LensScanFindings found, string list)
    {
        var report = new HtmlReport($"Which heads write words of {list}");
        report.Paragraph($"Of the {Counted.Of(found.Places.Request.Top, "token")} that each head points at "
            + "after the last token of a prompt, the number that are in the list; mean over "
            + $"{Counted.Of(found.Prompts, "prompt")}. As many tokens drawn from the vocabulary would have "
            + $"{found.Chance:0.0}: {found.Listed} of its {Counted.Of(found.Vocabulary, "token")} "
            + $"{Counted.Verb(found.Listed, "is a word", "are words")} of the list, without spaces and in "
            + $"lower case; {found.Spelled} of the {Counted.Of(found.Words, "word")} "
            + $"{Counted.Verb(found.Spelled, "is", "are")} a single token.");
        int columns = found.Columns.Count;
        string[] names = [.. found.Columns.Select(c => c.Replace("head ", "", StringComparison.Ordinal))];
        // One scale for the lens and the logit lens, which are to be compared.
        double scale = found.Scans.Max(s => s.Scan.Heads.Max(h => Math.Abs(h.Mean)));
        foreach ((string name, WordScan scan) in found.Scans)
            report.Figure(SvgChart.HeatMap($"Words of {list}: {name}",
                [.. scan.Best.Select(h => $"layer {h.Layer}")],
                names, (l, h) => scan.Heads[l * columns + h].Mean, axes: new("head", "layer"), scale: scale),
                "Layers from top to bottom, heads from left to right.");
        report.Heading("The head of each layer with the most");
        report.Table(["place", "words#", "which, most often first"],
            found.Scans.First().Scan.Best.Select(h => Row(h, found)));
        report.Heading("All");
        report.Table(["place", "words#", "which, most often first"],
            found.Scans.First().Scan.Heads.Select(h => Row(h, found)));
        report.Heading("How it was made");
        report.Table(["", ""], [["lens", found.Places.Text], ["model", $"hash {found.Places.ModelHash}"],
            ["version", new Manifest { Command = "" }.CodeVersion]]);
        return report;
    }

    static IReadOnlyList<string> Row(ScannedHead head, LensScanFindings found) =>
        [$"layer {head.Layer}, {LensScanFindings.Name(head)}", $"{head.Mean:0.00}",
            found.List(head, ListedWords)];
}
