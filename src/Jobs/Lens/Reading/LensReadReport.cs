using System.Text.Json.Nodes;
using HeadTap.Lens;
using HeadTap.Models;
using HeadTap.Reports;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>
/// The page of <see cref="LensReadJob"/>: a grid of layers and heads per position of the prompt.
/// </summary>
static class LensReadReport
{
    internal static HtmlReport Make(LensReadFindings found, ComputeDevice device)
    {
        LensPlaces places = found.Places;
        bool heads = places.Source.ReadsHeads, both = !places.Source.IsBaseline;
        var report = new HtmlReport(
            heads ? "What attention heads write" : "What the stream says, layer by layer");
        report.Paragraph($"The model's next token at each position of a prompt, and the tokens that "
            + (heads ? "each head points at there" : $"the stream {Side(places)} each layer points at there")
            + ". Choose a position by a click or with the arrow keys; rest on a cell for its tokens.");
        report.Widget(PageAsset.Read("lens-read.css") + PageAsset.Read("stream-grid.css"),
            PageAsset.Read("lens-read.html"),
            PageAsset.Read("lens-read.js") + PageAsset.Read("stream-grid.js") + "start();\n", Data(found));
        report.Paragraph("A cell shows the token with the largest lens logit, and the favour: the lens logit "
            + $"of {Whose(found)} own next token less the mean over the vocabulary. Orange cells favour that "
            + "token, blue ones are against it, stronger the larger at this position."
            + (!heads ? "" : places.Source.ReadsStream
                ? " \"stream\" is the residual stream after the layer's attention."
                : " \"all\" is what the lens makes of all heads of the layer together."));
        if (found.Effects is not null)
            report.Paragraph("The effect is the change of log p of that token, in nats, when the head's "
                + $"results become {(found.ToMean ? "their mean over the prompt" : "zero")} at every "
                + "position: below 0 where the model needs the head. A favour says what a lens reads in a "
                + "head; the effect says what the model loses.");
        AddPosition(report, found, both);
        if (found.Other is not null)
            AddChanges(report, found);
        report.Heading("How it was made");
        report.Table(["", ""],
        [
            ["lens", places.Text],
            ["model", $"hash {places.ModelHash}"],
            .. found.Other is { } other
                ? (IReadOnlyList<string>[])[["other model", $"hash {other.Places.ModelHash}"]] : [],
            ["device", $"{device.Name}: {device.Entry.Description}"],
            ["precision", device.Precision.ManifestName()],
            ["version", new Manifest { Command = "" }.CodeVersion],
        ]);
        return report;
    }

    static string Whose(LensReadFindings found)
        => found.Other is null ? "the model's" : "the first model's";

    static void AddPosition(HtmlReport report, LensReadFindings found, bool both)
    {
        report.Heading($"Position {found.Position}, after \"{found.Text.Of(found.Tokens[found.Position])}\"");
        report.Table(["the model's next token", "probability#", "logit#"], found.Own.Select(t =>
            (IReadOnlyList<string>)[found.Text.Visible(t.Id), $"{t.Probability:P2}", $"{t.Logit:0.00}"]));
        report.Table(["place", "favour#", .. found.Effects is null ? (string[])[] : ["effect#"],
                .. both ? (string[])["the lens"] : [], "logit lens"],
            found.Layers.SelectMany(l => Rows(l.Learned, l.Baseline, found, both)));
        if (found.Ablation is { } ablation)
            report.Paragraph("Rank correlation, over the heads, of the favour and of how far log p falls "
                + $"without the head: {NumberText.Of(ablation.RankCorrelation, Signed)}"
                + (both ? $"; by the logit lens {NumberText.Of(ablation.LogitLens, Signed)}." : "."));
    }

    static void AddChanges(HtmlReport report, LensReadFindings found)
    {
        LensReadResult result = found.Result();
        bool heads = found.Places.Source.ReadsHeads, removed = found.Effects is not null;
        IReadOnlyList<LensReadPlace> first = heads ? result.Heads : result.Layers;
        IReadOnlyList<LensReadPlace> second = heads ? result.Other!.Heads : result.Other!.Layers;
        report.Heading("What changed");
        report.Paragraph($"{found.Other!.Title} less {found.Title} at position {found.Position}, the largest "
            + $"change of the {(removed ? "effect" : "favour")} first.");
        report.Table(["place", $"favour, {found.Title}#", $"favour, {found.Other.Title}#", "change#",
            .. removed
                ? (string[])[$"effect, {found.Title}#", $"effect, {found.Other.Title}#", "change#"] : [],
            found.Title, found.Other.Title],
            result.Other.Changes.Select(c =>
            {
                LensReadPlace a = first.Single(Same), b = second.Single(Same);
                return (IReadOnlyList<string>)[c.Head is { } h ? $"{c.Layer}.{h}" : $"layer {c.Layer}",
                    Two(a.Favour), Two(b.Favour), Two(c.Favour),
                    .. removed ? (string[])[Three(a.Effect), Three(b.Effect), Three(c.Effect)] : [],
                    Words(a), Words(b)];

                bool Same(LensReadPlace p) => p.Layer == c.Layer && p.Head == c.Head;
            }));

        static string Words(LensReadPlace place)
            => string.Join(' ', place.Top.Select(t => VisibleText.Of(t.Text)));
    }

    const string Signed = "+0.00;-0.00;0.00";

    static string Two(double value) => NumberText.Of(value, Signed);

    static string Three(double? value) => NumberText.Of(value!.Value, "+0.000;-0.000;0.000");

    static string Side(LensPlaces places)
        => places.Source.Options.Kind == LensKind.Tuned ? "before" : "after";

    static IEnumerable<IReadOnlyList<string>> Rows(
        LayerReading learned, LayerReading baseline, LensReadFindings found, bool both)
    {
        foreach ((HeadReading head, HeadReading plain) in learned.Heads.Zip(baseline.Heads))
            yield return Row($"{learned.Layer}.{head.Head}", head.Words, plain.Words, found.Effects is null
                ? null : found.At(found.Effects[new(learned.Layer, head.Head)]));
        yield return Row($"layer {learned.Layer}", learned.Whole, baseline.Whole, null);

        string[] Row(string place, IReadOnlyList<LensWords> words, IReadOnlyList<LensWords> plain,
            double? effect) =>
            [place, Two(found.At(words).CenteredLogit),
                .. found.Effects is null ? (string[])[] : [effect is null ? "" : Three(effect)],
                found.Text.List(found.At(words).Top),
                .. both ? (string[])[found.Text.List(found.At(plain).Top)] : []];
    }

    // Tokens are named once. A cell is [favour, ids, logits], followed by [ids, logits] if there are two
    // lenses.
    static JsonObject Data(LensReadFindings found)
    {
        var names = new SortedDictionary<int, string>();
        int Id(int id)
        {
            names.TryAdd(id, found.Text.Visible(id));
            return id;
        }
        JsonObject data = Model(found, Id);
        data["tokens"] = List(found.Tokens, t => Id(t));
        data["start"] = found.Position;
        data["layers"] = List(found.Places.Request.Layers, l => l);
        data["columns"] = List<string>(found.Places.Source.ReadsHeads
            ? [.. found.Places.Request.Heads.Select(h => $"head {h}"),
                found.Places.Source.ReadsStream ? "stream" : "all"] : ["stream"], c => c);
        if (found.Other is { } other)
            data["other"] = Model(other, Id);
        data["names"] = new JsonObject(names.Select(n =>
            KeyValuePair.Create($"{n.Key}", (JsonNode?)n.Value)));
        return data;
    }

    static JsonObject Model(LensReadFindings found, Func<int, int> id)
    {
        bool both = !found.Places.Source.IsBaseline;
        JsonNode Id(LensToken t) => id(t.Id);
        JsonNode Logit(LensToken t) => Math.Round(t.Logit, 2);
        JsonNode Cell((LensWords Own, LensWords Plain) words) => new JsonArray([
            Math.Round(words.Own.CenteredLogit, 2), List(words.Own.Top, Id), List(words.Own.Top, Logit),
            .. both ? (JsonNode[])[List(words.Plain.Top, Id), List(words.Plain.Top, Logit)] : []]);
        JsonNode Place(IReadOnlyList<LensWords> own, IReadOnlyList<LensWords> plain)
            => List(own.Zip(plain), Cell);
        var data = new JsonObject
        {
            ["title"] = found.Title,
            ["model"] = List(found.Readings.Model, words
                => List(words, t => new JsonArray(id(t.Id), Math.Round(t.Probability, 4)))),
            ["cells"] = List(found.Layers, l => List(l.Learned.Heads.Zip(l.Baseline.Heads)
                .Select(h => (h.First.Words, h.Second.Words))
                .Append((l.Learned.Whole, l.Baseline.Whole)), h => Place(h.Item1, h.Item2))),
            ["grids"] = List(found.Grids, grid => grid.Data(id)),
        };
        if (found.Effects is { } effects) // [layers][heads][positions]
            data["effects"] = List(found.Readings.Learned, l => List(l.Heads, h
                => List(effects[new(l.Layer, h.Head)], e => Math.Round(e, 4))));
        return data;
    }

    static JsonArray List<T>(IEnumerable<T> of, Func<T, JsonNode> node) => new([.. of.Select(node)]);
}
