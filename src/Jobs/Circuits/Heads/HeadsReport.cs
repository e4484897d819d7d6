using System.Globalization;
using System.Text.Json.Nodes;
using HeadTap.Models;
using HeadTap.Reports;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>The page of <see cref="HeadsJob"/>: a card for each head, and the tables of all.</summary>
static class HeadsReport
{
    /// <summary>Makes the page.</summary>
    internal static HtmlReport Make(HeadsFindings found, HeadsResult result, ComputeDevice device)
    {
        HeadColumn[] columns = [.. HeadColumns.All.Where(c => result.Heads.Any(h => !double.IsNaN(c.Of(h))))];
        var report = new HtmlReport("Where attention heads look, and what they do");
        report.Paragraph($"{result.TextName}: {Counted.Of(result.Windows, "window")}, "
            + $"{Counted.Of(result.Tokens, "token")}."
            + (result.AblationWindows == 0 ? "" : " Ablation is the loss with the head's z at its mean over "
                + $"the text, minus the loss as it is, on {Counted.Of(result.AblationWindows, "window")}; "
                + "with a 95 % interval from a bootstrap over windows. Above 0 the head helps.")
            + (result.LensLine is null ? "" : $" Words are read by {result.LensLine}, at the examples.")
            + (result.Models is not { } shown ? ""
                : $" An arrow leads from {shown.First} to {shown.Second}."));
        report.Widget(HeadsReportScript.Style, HeadsReportScript.Markup, HeadsReportScript.Script,
            Data(result, columns));
        if (result.Models is { } models)
            AddChanges(report, result, models);
        if (result.Compositions.Count > 0)
            AddCompositions(report, result, found.Options.RawWeights);
        report.Heading(result.Models is { } m ? $"All heads of {m.First}" : "All heads");
        report.Table(["head", .. columns.Select(c => c.Label + "#")], result.Heads.Select(h =>
            (IReadOnlyList<string>)[$"{h.Layer}.{h.Head}", .. columns.Select(c => c.Text(h))]));
        report.Details("What the columns are", part => part.Table(["column", "name in files", "meaning"],
            columns.Select(c => (IReadOnlyList<string>)[c.Label, c.Name, c.Meaning])));
        report.Heading("How it was made");
        report.Table(["", ""],
        [
            ["model", $"hash {found.ModelHash}"],
            .. found.OtherHash is { } other
                ? (IReadOnlyList<string>[])[["other model", $"hash {other}"]] : [],
            ["device", $"{device.Name}: {device.Entry.Description}"],
            ["precision", device.Precision.ManifestName()],
            ["version", new Manifest { Command = "" }.CodeVersion],
        ]);
        return report;
    }

    static void AddChanges(HtmlReport report, HeadsResult result, (string First, string Second) models)
    {
        HeadColumn? by = HeadChanges.Usual(result);
        HeadColumn? change = by is null ? null : HeadChanges.Of(by);
        bool words = result.LensLine is not null;
        report.Heading("What changed");
        report.Paragraph($"{models.Second} beside {models.First}, on the same windows; the largest change of "
            + (by is null ? "a score of attention first." : "the ablation effect first."));
        report.Table(["head", .. by is null ? (string[])[]
                : [$"{by.Label}, {models.First}#", $"{by.Label}, {models.Second}#", "change#"],
                "score of attention that changed most",
                .. words ? (string[])[$"words, {models.First}", $"words, {models.Second}"] : []],
            HeadChanges.Sorted(result.Heads, by).Select(h => (IReadOnlyList<string>)[$"{h.Layer}.{h.Head}",
                .. by is null ? (string[])[] : [by.Text(h), by.Text(h.Other!), change!.Text(h)],
                HeadChanges.Text(h), .. words ? (string[])[Words(h), Words(h.Other!)] : []]));

        static string Words(HeadResult head)
            => string.Join(' ', head.Words?.Select(w => VisibleText.Of(w.Text)) ?? []);
    }

    static void AddCompositions(HtmlReport report, HeadsResult result, bool raw)
    {
        report.Heading("Which heads read which");
        report.Paragraph("Composition scores from the weights (Elhage et al. 2021): how much of what a head "
            + "writes enters the queries, keys or values of a later one. "
            + (raw ? "The LayerNorm before the later head is left out."
                : "The LayerNorm before the later head, its gain and its mean, is folded in."));
        report.Table(["enters", "writes", "reads", "score#"], result.Compositions.Select(c =>
            (IReadOnlyList<string>)[$"{c.Kind}", $"{c.FromLayer}.{c.FromHead}", $"{c.ToLayer}.{c.ToHead}",
                c.Score.ToString("0.000", CultureInfo.InvariantCulture)]));
    }

    static JsonObject Data(HeadsResult result, HeadColumn[] plain)
    {
        bool both = result.Models is not null;
        HeadColumn[] columns = [.. plain, .. both ? plain.Select(HeadChanges.Of) : []];
        return new()
        {
            ["columns"] = Array(columns.Index(), c => Column(c.Item, c.Index >= plain.Length, result)),
            ["heads"] = Array(result.Heads, h => Head(h, columns, plain)),
        };
    }

    static JsonObject Column(HeadColumn c, bool change, HeadsResult result)
    {
        var node = new JsonObject
        {
            ["label"] = c.Label, ["meaning"] = c.Meaning,
            ["share"] = c.Format == "0.000",
            ["most"] = Number(result.Heads.Max(h => Math.Abs(Known(c.Of(h))))),
        };
        if (change)
            node["change"] = true;
        return node;
    }

    static JsonObject Head(HeadResult h, HeadColumn[] columns, HeadColumn[] plain)
    {
        var node = new JsonObject
        {
            ["l"] = h.Layer, ["h"] = h.Head,
            ["v"] = Array(columns, c => Number(c.Of(h))), ["t"] = Array(columns, c => c.Text(h)),
            ["a"] = h.AblationLow is not { } low || double.IsNaN(low) ? null
                : new JsonArray(Number(low), Number(h.AblationHigh!.Value)),
            ["w"] = h.Words is null ? null : Array(h.Words, w => VisibleText.Of(w.Text)),
            ["c"] = Array(h.Composition, c => $"{c.Layer}.{c.Head} as {c.Kind} "
                + c.Score.ToString("0.00", CultureInfo.InvariantCulture)),
            ["e"] = Array(h.Examples, Example),
        };
        if (h.Other is { } other)
            node["o"] = new JsonObject
            {
                ["t"] = Array(plain, c => c.Text(other)),
                ["w"] = other.Words is null ? null : Array(other.Words, w => VisibleText.Of(w.Text)),
            };
        return node;
    }

    // A token, with the attention that it gets; keys further back than what is shown come by themselves.
    static JsonObject Example(HeadExampleResult e)
    {
        int first = e.Position + 1 - e.Before.Count;
        Dictionary<int, double> attention = e.Keys.ToDictionary(k => k.Position, k => k.Attention);
        JsonNode Piece(string text, int position) => new JsonArray(VisibleText.Of(text),
            Math.Round(attention.GetValueOrDefault(position), 3));
        return new()
        {
            ["n"] = Math.Round(e.Norm, 2),
            ["far"] = Array(e.Keys.Where(k => k.Position < first), k => new JsonArray(
                VisibleText.Of(k.Text), Math.Round(k.Attention, 3), e.Position - k.Position)),
            ["t"] = Array(e.Before.Index(), t => Piece(t.Item, first + t.Index)),
            ["w"] = e.Words is null ? null : Array(e.Words, w => VisibleText.Of(w.Text)),
        };
    }

    static JsonArray Array<T>(IEnumerable<T> of, Func<T, JsonNode?> node) => new([.. of.Select(node)]);

    static JsonNode? Number(double value) => double.IsFinite(value) ? (double)(float)value : null;

    static double Known(double value) => double.IsNaN(value) ? 0 : value;
}
