using System.Text.Json.Nodes;
using HeadTap.Models;
using HeadTap.Reports;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>The files of <see cref="LandscapeLineJob"/>: CSV, npy, SVG and a page. They have no times, so
/// that an interrupted job writes the same bytes.</summary>
sealed class LandscapeLineReport(LandscapeLineResult result)
{
    readonly IReadOnlyList<LandscapePair> _pairs = result.Pairs
        ?? [new(0, 1, result.Barrier, result.BarrierAlpha, result.TestBarrier, result.Points)
            { Ensemble = result.Ensemble }];

    bool HasTest => result.TestBarrier is not null;

    /// <summary>Writes all files.</summary>
    /// <exception cref="UserException">A file cannot be written.</exception>
    internal void Save(LandscapeFolder folder)
    {
        string[] columns = ["from", "to", "alpha", "loss", "accuracy", .. HasTest
            ? (string[])["test_loss", "test_accuracy"] : []];
        double?[][] rows = [.. _pairs.SelectMany(pair => pair.Points.Select(p => (double?[])[pair.From,
            pair.To, p.Alpha, p.Loss, p.Accuracy,
            .. HasTest ? (double?[])[p.TestLoss, p.TestAccuracy] : []]))];
        MeasureFiles.WriteCsv(folder.At("line.csv"), string.Join(',', columns),
            rows.Select(row => (IReadOnlyList<object?>)[.. row]));
        MeasureFiles.WriteNpy(folder.At("line.npy"), [_pairs.Count, result.Points.Count, columns.Length - 2],
            rows.SelectMany(row => row.Skip(2).Select(v => v!.Value)));
        AtomicFile.WriteText(folder.At("line.svg"), _pairs.Count == 1 ? Chart(_pairs[0]) : FirstPairs());
        Page().Save(folder.At(MeasureFiles.Page));
    }

    HtmlReport Page()
    {
        string[] names = [.. result.Models.Select(LandscapeTable.Name)];
        var page = new HtmlReport("Loss on the line between models");
        page.Paragraph($"Weights (1 - a) A + a B, {Counted.Of(result.Points.Count, "point")} from a = 0 to "
            + $"a = 1; mean next-token cross-entropy of {Counted.Of(result.Tokens, "token")}. The barrier is "
            + "the largest rise of the loss above the straight line between its ends. Move over a plot for "
            + "values.");
        foreach (LandscapePair pair in _pairs)
        {
            page.Heading($"{names[pair.From]} to {names[pair.To]}: barrier "
                + $"{LandscapeTable.Nats(pair.Barrier)} nats at {pair.BarrierAlpha:0.###}");
            page.Widget(LandscapeLineScript.Style, LandscapeLineScript.Markup, LandscapeLineScript.Script,
                Data(pair, names));
        }
        page.Heading("The centroid").Table(["", "loss#", "accuracy#"],
        [
            ["mean of all weights", LandscapeTable.Nats(result.Centroid.Loss),
                LandscapeTable.Percent(result.Centroid.Accuracy)],
            ["mean of the models' losses", LandscapeTable.Nats(result.Centroid.MeanLoss), ""],
            ["difference", LandscapeTable.Nats(result.Centroid.Barrier), ""],
        ]);
        if (result.Ensemble is null)
            return page;
        page.Heading("Ensembles").Paragraph("All models run on every token, and their predictions are "
            + "combined in place of their weights.");
        page.Table(["ensemble", "loss#", "accuracy#"], _pairs
            .Select(pair => ($"{names[pair.From]}, {names[pair.To]}", pair.Ensemble!))
            .Concat(result.Pairs is null ? [] : [("all", result.Ensemble)])
            .Select(e => (IReadOnlyList<string>)[$"{e.Item1}: {e.Item2.Rule}",
                double.IsNaN(e.Item2.Loss) ? "" : LandscapeTable.Nats(e.Item2.Loss),
                LandscapeTable.Percent(e.Item2.Accuracy)]));
        return page;
    }

    static JsonObject Data(LandscapePair pair, string[] names) => new()
    {
        ["from"] = names[pair.From], ["to"] = names[pair.To],
        ["svg"] = Chart(pair),
        ["rows"] = new JsonArray([.. pair.Points.Select(p => (JsonNode)new JsonArray([.. new[]
            { p.Alpha, p.Loss, p.Accuracy, p.TestLoss, p.TestAccuracy }.OfType<double>()
            .Select(v => (JsonNode?)LandscapeTable.Short(v))]))]),
    };

    // A chart tells four curves apart; the page has all.
    string FirstPairs()
    {
        string[] names = [.. result.Models.Select(LandscapeTable.Name)];
        return SvgChart.Curves("Loss on the lines", new("a", "nats"),
            [.. _pairs.Take(4).Select(pair => new ChartCurve($"{names[pair.From]} to {names[pair.To]}",
                [.. pair.Points.Select(p => (p.Alpha, p.Loss))]))], "0.0000", (0, 1));
    }

    static string Chart(LandscapePair pair)
    {
        List<ChartCurve> curves =
            [new("loss", [.. pair.Points.Select(p => (p.Alpha, p.Loss))])];
        if (pair.TestBarrier is not null)
            curves.Add(new("test loss", [.. pair.Points.Select(p => (p.Alpha, p.TestLoss!.Value))]));
        curves.Add(new("straight line", [(0, pair.Points[0].Loss), (1, pair.Points[^1].Loss)]));
        if (pair.Ensemble is { } ensemble && double.IsFinite(ensemble.Loss))
            curves.Add(new("ensemble", [(0, ensemble.Loss), (1, ensemble.Loss)]));
        return SvgChart.Curves("Loss on the line", new("a", "nats"), curves, "0.0000", (0, 1));
    }
}
