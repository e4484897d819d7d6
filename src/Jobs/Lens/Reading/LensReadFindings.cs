using System.Text.Json.Nodes;
using HeadTap.Lens;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>A prompt read through a lens, as its page shows it.</summary>
/// <param name="Places">Lens, layers, heads and number of tokens.</param>
/// <param name="Text">Text of tokens.</param>
/// <param name="Tokens">Token ids of the prompt.</param>
/// <param name="Position">Requested position, from 0.</param>
/// <param name="Positions">Positions that were read.</param>
/// <param name="Readings">Readings at these positions.</param>
sealed record LensReadFindings(LensPlaces Places, LensText Text, IReadOnlyList<int> Tokens, int Position,
    IReadOnlyList<int> Positions, LensReadings Readings)
{
    /// <summary>Name of the model beside another one.</summary>
    internal string Title { get; init; } = "";

    /// <summary>
    /// [positions] by head: log p of the first model's token without the head minus log p with it, nats; null
    /// if no head was removed.
    /// </summary>
    internal IReadOnlyDictionary<HeadPlace, double[]>? Effects { get; init; }

    /// <summary>Whether a removed head's results became their mean, not zero.</summary>
    internal bool ToMean { get; init; }

    /// <summary>The stream, layer by position; empty if not asked for.</summary>
    internal IReadOnlyList<StreamGrid> Grids { get; init; } = [];

    /// <summary>The same prompt in a second model; null without one.</summary>
    internal LensReadFindings? Other { get; init; }

    /// <summary>The readings of each layer, with those of the baseline.</summary>
    internal IEnumerable<(LayerReading Learned, LayerReading Baseline)> Layers
        => Readings.Learned.Zip(Readings.Baseline);

    /// <summary>The model's most probable next tokens at the position.</summary>
    internal IReadOnlyList<ModelToken> Own => At(Readings.Model);

    /// <summary>Returns the value of the requested position from values of all positions read.</summary>
    internal T At<T>(IReadOnlyList<T> values) => values[Positions.Count == 1 ? 0 : Position];

    /// <summary>How well favours agree with effects at the position; null if no head was removed.</summary>
    internal LensReadAblation? Ablation => Effects is null ? null : new(ToMean ? "mean" : "zero",
        RankCorrelation(Readings.Learned), RankCorrelation(Readings.Baseline));

    /// <summary>Makes the manifest of the findings.</summary>
    internal Manifest Made(int? bos, ComputeDevice device)
    {
        var options = new JsonObject
        {
            ["lens"] = Places.Name, ["tokens"] = Numbers(Tokens), ["bos"] = bos, ["position"] = Position,
            ["layers"] = Numbers(Places.Request.Layers), ["heads"] = Numbers(Places.Request.Heads),
            ["top"] = Places.Request.Top,
        };
        if (Effects is not null)
            options["ablation"] = ToMean ? "mean" : "zero";
        if (Other is not null)
            options["other"] = Other.Places.ModelHash;
        return new()
        {
            Command = "lens read", Options = options, ModelHash = Places.ModelHash, Device = device.Name,
            Precision = device.Precision.ManifestName(),
        };
    }

    /// <summary>Makes the result for the requested position.</summary>
    internal LensReadResult Result() => new(Places.ModelHash, LensText.Word(Places.Source.Options.Kind),
        Tokens, [.. Tokens.Select(Text.Of)], Position, Text.Tokens(Own), Wholes(), Heads())
    {
        LensLine = Places.Text, IsLogitLens = Places.Source.IsBaseline,
        ReadsStream = Places.Source.ReadsStream, Ablation = Ablation, Grid = GridResult(),
        Other = Other is null ? null : new(Other.Places.ModelHash, Text.Tokens(Other.Own), Other.Wholes(),
            Other.Heads())
        {
            Ablation = Other.Ablation, Grid = Other.GridResult(), Changes = Changes(),
        },
    };

    static JsonArray Numbers(IEnumerable<int> numbers) => [.. numbers.Select(n => (JsonNode)n)];

    IReadOnlyList<LensReadPlace> Wholes() => [.. Layers.Select(l
        => Place(l.Learned.Layer, null, l.Learned.Whole, l.Baseline.Whole))];

    IReadOnlyList<LensReadPlace> Heads() => [.. Layers.SelectMany(l => l.Learned.Heads
        .Zip(l.Baseline.Heads, (own, plain) => Place(l.Learned.Layer, own.Head, own.Words, plain.Words)))];

    LensReadPlace Place(int layer, int? head, IReadOnlyList<LensWords> words, IReadOnlyList<LensWords> plain)
        => new(layer, head, At(words).CenteredLogit, Text.Tokens(At(words)), Text.Tokens(At(plain)))
        {
            Effect = Effects is null || head is null ? null : At(Effects[new(layer, head.Value)]),
        };

    // The fall of log p is minus the effect: a head that matters has a large one.
    double RankCorrelation(IReadOnlyList<LayerReading> layers)
    {
        var heads = layers.SelectMany(l => l.Heads.Select(h => (Favour: At(h.Words).CenteredLogit,
            Fall: -At(Effects![new(l.Layer, h.Head)])))).ToArray();
        return Correlation.Spearman(
            [.. heads.Select(h => (double)h.Favour)], [.. heads.Select(h => h.Fall)]);
    }

    IReadOnlyList<LensReadChange> Changes()
    {
        (IReadOnlyList<LensReadPlace> first, IReadOnlyList<LensReadPlace> second)
            = Places.Source.ReadsHeads ? (Heads(), Other!.Heads()) : (Wholes(), Other!.Wholes());
        return [.. first.Zip(second, (a, b) => new LensReadChange(a.Layer, a.Head, b.Favour - a.Favour,
                b.Effect - a.Effect, a.Top[0].Id == b.Top[0].Id))
            .OrderByDescending(c => Math.Abs(c.Effect ?? c.Favour))]; // stable: ties stay in order
    }

    IReadOnlyList<LensGrid>? GridResult() => Grids.Count == 0 ? null
        : [.. Grids.Select(grid => new LensGrid(grid.Lens, [.. grid.Rows.Select(row => new LensGridRow(
            row.Place, row.Layer, [.. row.Cells.Select(c => new LensGridCell(c.Top[0].Token,
                Text.Of(c.Top[0].Token), c.Top[0].Probability, c.Entropy, c.Rank, c.Divergence))]))]))];
}
