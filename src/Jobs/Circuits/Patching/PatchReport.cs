using System.Globalization;
using HeadTap.Circuits;
using HeadTap.Models;
using HeadTap.Reports;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>The page of <see cref="PatchJob"/>: a map of the cells, and those that change most.</summary>
static class PatchReport
{
    const int Listed = 30, ShownPairs = 20;

    internal static HtmlReport Make(
        PatchPlan plan, PatchResult result, PatchPicture picture, ComputeDevice device)
    {
        bool denoise = plan.Direction == PatchDirection.Denoise;
        var report = new HtmlReport($"Patching: {picture.What}");
        report.Paragraph($"Each cell is a run of the {(denoise ? "corrupted" : "clean")} prompt in which its "
            + $"values are those of the {(denoise ? "clean" : "corrupted")} run. The metric is "
            + $"{Described(result.Metric)}; the clean run has {picture.Of(result.Clean)}, the corrupted one "
            + $"{picture.Of(result.Corrupt)}"
            + (result.Pairs > 1 ? $" (means over {result.Pairs} pairs)." : "."));
        if (result.Samples > 1)
            report.Paragraph($"The corrupted run is drawn ({result.Corruption}): {result.Samples} samples a "
                + "pair at most, of which the mean is taken.");
        if (picture.Map() is { } map)
            report.Figure(map, $"Orange cells raise the metric, blue ones lower it, from "
                + $"{picture.Of(result.Base)}. Rest on a cell for its place and value.");
        report.Heading("Cells that change most");
        bool spread = result.Cells.Any(cell => cell.Low is not null);
        report.Table(["cell", $"{result.Metric}#", .. spread ? (string[])["95 % interval#"] : [], "change#",
            "share of the way#"], result.Largest(Listed).Select(cell => (IReadOnlyList<string>)
            [picture.Name(cell), picture.Of(cell.Value),
            .. spread ? (string[])[$"{picture.Of(cell.Low ?? double.NaN)} to "
                + picture.Of(cell.High ?? double.NaN)] : [],
            picture.Of(cell.Value - result.Base), Percent(cell.Share)]));
        report.Paragraph("Share of the way: 0 % is the patched run's own metric, 100 % the other run's; it "
            + "can be outside.");
        report.Heading("Prompts");
        report.Table(["clean", "corrupted", "answer", "wrong"], plan.Data.Pairs.Take(ShownPairs).Select(pair
            => (IReadOnlyList<string>)[Text(plan.Data, pair.Clean), plan.Corruption.IsGiven
                ? Text(plan.Data, pair.Corrupt!) : result.Corruption, plan.Data.Piece(pair.Answer),
                pair.Wrong is { } wrong ? plan.Data.Piece(wrong) : ""]));
        if (result.Pairs > ShownPairs)
            report.Paragraph($"and {result.Pairs - ShownPairs} more");
        report.Heading("How it was made");
        report.Table(["", ""],
        [
            ["model", $"hash {result.ModelHash}"],
            ["device", $"{device.Name}: {device.Entry.Description}"],
            ["precision", device.Precision.ManifestName()],
            ["version", new Manifest { Command = "" }.CodeVersion],
        ]);
        return report;
    }

    static string Described(string metric) => metric switch
    {
        "logit-diff" => "the logit of the answer less that of the wrong answer",
        "logprob" => "the log-probability of the answer, nats",
        "kl" => "the divergence of the next token's distribution from the clean run's, nats",
        _ => "the rank of the answer among all tokens, 1 for the most probable",
    };

    static string Text(ContrastData data, int[] ids) => string.Concat(ids.Select(data.Piece));

    static string Percent(double share)
        => double.IsFinite(share) ? share.ToString("P0", CultureInfo.InvariantCulture) : "";
}
