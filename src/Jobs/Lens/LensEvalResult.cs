using System.Text.Json.Serialization;
using HeadTap.Lens;

namespace HeadTap.Jobs;

/// <summary>The scores of one layer, or of one head.</summary>
/// <param name="Layer">The layer, from 0.</param>
/// <param name="Head">The head, from 0; null for the sum over the layer's heads.</param>
/// <param name="Top">k of the further top-k agreement; 1 and 5 are there already.</param>
/// <param name="Score">Of the lens: nats, and shares from 0 to 1.</param>
/// <param name="LogitLens">Of the logit lens; null for a head.</param>
/// <param name="Normalized">Of the model's final LayerNorm and head on the layer's attention output; null for
/// a head.</param>
[JsonConverter(typeof(LensEvalPlaceConverter))]
public sealed record LensEvalPlace(
    int Layer, int? Head, int Top, LensScore Score, LensScore? LogitLens, LensScore? Normalized);

/// <summary>What the removal of responsible heads changes, beside that of another head.</summary>
/// <param name="Change">Mean change of log p(answer) when the other head is removed, nats.</param>
/// <param name="Difference">Mean change by the responsible head less that by the other, nats.</param>
/// <param name="Low">Lower end of its 95 % interval, nats.</param>
/// <param name="High">Upper end of its 95 % interval, nats.</param>
/// <param name="LowersMore">Share of prompts where the responsible head's removal lowers log p more.</param>
public sealed record LensAblationContrast(
    double Change, double Difference, double Low, double High, double LowersMore)
{
    internal static LensAblationContrast Of(AblationContrast contrast) => new(contrast.OtherChange,
        contrast.Difference, contrast.Interval.Low, contrast.Interval.High, contrast.LowersMore);
}

/// <summary>What the removal of the heads that a lens calls responsible changes.</summary>
/// <param name="Change">Mean change of log p(answer), nats.</param>
/// <param name="Random">Beside a head drawn from all others.</param>
/// <param name="SameLayer">Beside a head drawn from the others of its layer; null where it has none.</param>
/// <param name="Responsible">By prompt: the head.</param>
public sealed record LensAblationOutcome(double Change, LensAblationContrast Random,
    LensAblationContrast? SameLayer, IReadOnlyList<HeadPlace> Responsible)
{
    internal static LensAblationOutcome Of(AblationOutcome outcome) => new(outcome.Change,
        LensAblationContrast.Of(outcome.Random),
        outcome.SameLayer is { } same ? LensAblationContrast.Of(same) : null, outcome.Responsible);
}

/// <summary>What the removal of responsible heads changes.</summary>
/// <param name="Prompts">Number of prompts.</param>
/// <param name="To">What the removed head's results become: zero or mean.</param>
/// <param name="Lens">Heads that the lens calls responsible.</param>
/// <param name="LogitLens">Heads that the logit lens calls responsible; null where it is the lens.</param>
public sealed record LensAblation(
    int Prompts, string To, LensAblationOutcome Lens, LensAblationOutcome? LogitLens);

/// <summary>How close a lens comes to the model.</summary>
/// <param name="Lens">The lens' kind.</param>
/// <param name="Rows">Rows that were read.</param>
/// <param name="Positions">Positions of them that means are over.</param>
/// <param name="Chosen">Which positions these are: last, all, or how many of each row.</param>
/// <param name="ModelEntropy">Of the model's distribution, nats.</param>
/// <param name="KlUnigram">KL from the model to tokens as often as in the lens' training texts, nats; null
/// where that is not known.</param>
/// <param name="Layers">By layer.</param>
/// <param name="Heads">By layer and head; empty for a lens that reads no heads.</param>
/// <param name="Ablation">Null where no head was removed.</param>
public sealed record LensEvalResult(string Lens, int Rows, long Positions, string Chosen, double ModelEntropy,
    double? KlUnigram, IReadOnlyList<LensEvalPlace> Layers, IReadOnlyList<LensEvalPlace> Heads,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] LensAblation? Ablation)
{
    /// <summary>The lens in a line.</summary>
    [JsonIgnore]
    public string LensLine { get; init; } = "";

    /// <summary>k of the further top-k agreement.</summary>
    [JsonIgnore]
    public int Top { get; init; }

    /// <summary>Whether the lens reads heads.</summary>
    [JsonIgnore]
    public bool ReadsHeads { get; init; }

    internal static LensEvalResult Of(LensSource source, string name, LensEvaluationOptions options,
        LensEvaluationResult found, AblationOptions ablation, AblationResult? removed) => new(
            LensText.Word(source.Options.Kind), found.Rows, found.Positions, options.Positions.ToString(),
            found.ModelEntropy, found.UnigramKl,
            [.. found.Layers.Select(l
                => new LensEvalPlace(l.Layer, null, options.Top, l.Lens, l.LogitLens, l.Normalized))],
            [.. found.Layers.SelectMany(l => l.Heads.Select((score, h)
                => new LensEvalPlace(l.Layer, h, options.Top, score, null, null)))],
            removed is null ? null : new LensAblation(removed.Prompts, ablation.ToMean ? "mean" : "zero",
                LensAblationOutcome.Of(removed.Lens),
                removed.LogitLens is { } logit ? LensAblationOutcome.Of(logit) : null))
        {
            LensLine = LensText.Line(source, name), Top = options.Top, ReadsHeads = source.ReadsHeads,
        };
}
