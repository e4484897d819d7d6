using System.Text.Json.Serialization;
using HeadTap.Lens;

namespace HeadTap.Jobs;

/// <summary>The scores of a layer or a head.</summary>
/// <param name="Layer">Layer, from 0.</param>
/// <param name="Head">Head, from 0; null for the sum over the layer's heads.</param>
/// <param name="Top">k of the additional top-k agreement; top-1 and top-5 are always included.</param>
/// <param name="Score">Scores of the lens: nats, and shares from 0 to 1.</param>
/// <param name="LogitLens">Scores of the logit lens; null for a head.</param>
/// <param name="Normalized">Scores of the model's final LayerNorm and unembedding applied to the layer's
/// attention output; null for a head.</param>
[JsonConverter(typeof(LensEvalPlaceConverter))]
public sealed record LensEvalPlace(
    int Layer, int? Head, int Top, LensScore Score, LensScore? LogitLens, LensScore? Normalized);

/// <summary>The effect of removing responsible heads, compared with removing another head.</summary>
/// <param name="Change">Mean change of log p(answer) when the other head is removed, nats.</param>
/// <param name="Difference">Mean change by the responsible head minus mean change by the other head,
/// nats.</param>
/// <param name="Low">Lower end of its 95 % interval, nats.</param>
/// <param name="High">Upper end of its 95 % interval, nats.</param>
/// <param name="LowersMore">Share of prompts where the responsible head's removal lowers log p(answer)
/// more.</param>
public sealed record LensAblationContrast(
    double Change, double Difference, double Low, double High, double LowersMore)
{
    internal static LensAblationContrast Of(AblationContrast contrast) => new(contrast.OtherChange,
        contrast.Difference, contrast.Interval.Low, contrast.Interval.High, contrast.LowersMore);
}

/// <summary>The effect of removing the heads that a lens calls responsible.</summary>
/// <param name="Change">Mean change of log p(answer), nats.</param>
/// <param name="Random">Comparison with a head drawn from all others.</param>
/// <param name="SameLayer">Comparison with a head drawn from the others of its layer; null if the layer has
/// no other.</param>
/// <param name="Responsible">Responsible head by prompt.</param>
public sealed record LensAblationOutcome(double Change, LensAblationContrast Random,
    LensAblationContrast? SameLayer, IReadOnlyList<HeadPlace> Responsible)
{
    internal static LensAblationOutcome Of(AblationOutcome outcome) => new(outcome.Change,
        LensAblationContrast.Of(outcome.Random),
        outcome.SameLayer is { } same ? LensAblationContrast.Of(same) : null, outcome.Responsible);
}

/// <summary>The effects of removing responsible heads.</summary>
/// <param name="Prompts">Number of prompts.</param>
/// <param name="To">Replacement of the removed head's results: zero or mean.</param>
/// <param name="Lens">Effect for heads that the lens calls responsible.</param>
/// <param name="LogitLens">Effect for heads that the logit lens calls responsible; null if the lens is the
/// logit lens.</param>
public sealed record LensAblation(
    int Prompts, string To, LensAblationOutcome Lens, LensAblationOutcome? LogitLens)
{
    /// <summary>Effect for heads that the Jacobian lens beside it calls responsible; null without
    /// one.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public LensAblationOutcome? Jacobian { get; init; }
}

/// <summary>Agreement of what a lens says about heads with the effects of removing them.</summary>
/// <param name="By">Name of the lens, or direct attribution.</param>
/// <param name="Prompts">Number of prompts.</param>
/// <param name="To">Replacement of a removed head's results: zero or mean.</param>
/// <param name="Rank">Correlation of ranks over all pairs of prompt and head; NaN if one of the two does not
/// vary.</param>
/// <param name="Low">Lower end of its 95 % interval.</param>
/// <param name="High">Upper end of its 95 % interval.</param>
/// <param name="ByPrompt">Mean over prompts of the correlation over a prompt's heads.</param>
/// <param name="ByPromptLow">Lower end of its 95 % interval.</param>
/// <param name="ByPromptHigh">Upper end of its 95 % interval.</param>
/// <param name="Change">Mean change of log p(answer) when the head that is favoured most is removed,
/// nats.</param>
public sealed record LensAgreement(string By, int Prompts, string To, double Rank, double Low, double High,
    double ByPrompt, double ByPromptLow, double ByPromptHigh, double Change)
{
    internal static IReadOnlyList<LensAgreement> Of(
        IReadOnlyList<FavourAgreement> found, AblationOptions options, int rows)
        => [.. found.Select(a => new LensAgreement(a.By, Math.Min(options.Prompts, rows),
            options.ToMean ? "mean" : "zero", a.Rank, a.RankInterval.Low, a.RankInterval.High, a.ByPrompt,
            a.ByPromptInterval.Low, a.ByPromptInterval.High, a.Change))];
}

/// <summary>How close a lens comes to the model.</summary>
/// <param name="Lens">Kind of the lens.</param>
/// <param name="Rows">Number of rows that were read.</param>
/// <param name="Positions">Number of positions that means are over.</param>
/// <param name="Chosen">Positions of each row: last, all, or their number.</param>
/// <param name="ModelEntropy">Mean entropy of the model's distribution, nats.</param>
/// <param name="KlUnigram">KL from the model to the token frequencies of the lens's training texts, nats;
/// null if these are not known.</param>
/// <param name="Layers">Scores by layer.</param>
/// <param name="Heads">Scores by layer and head; empty for a lens that reads no heads.</param>
/// <param name="Ablation">Effects of removing responsible heads; null if no head was removed.</param>
public sealed record LensEvalResult(string Lens, int Rows, long Positions, string Chosen, double ModelEntropy,
    double? KlUnigram, IReadOnlyList<LensEvalPlace> Layers, IReadOnlyList<LensEvalPlace> Heads,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] LensAblation? Ablation)
{
    /// <summary>Token id before each text; null for none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? Bos { get; init; }

    /// <summary>Scores of the Jacobian lens beside the lens, by layer; null without one.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<LensEvalPlace>? Jacobian { get; init; }

    /// <summary>
    /// Agreement of each lens and of direct attribution with the effects of removing heads; null if it was
    /// not measured.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<LensAgreement>? Agreement { get; init; }

    /// <summary>A description of the lens in one line.</summary>
    [JsonIgnore]
    public string LensLine { get; init; } = "";

    /// <summary>k of the additional top-k agreement.</summary>
    [JsonIgnore]
    public int Top { get; init; }

    /// <summary>Whether the lens reads heads.</summary>
    [JsonIgnore]
    public bool ReadsHeads { get; init; }

    internal LensEvalResult Beside(LensEvaluationResult jacobian, AblationResult? removed) => this with
    {
        Jacobian = [.. jacobian.Layers.Select(l
            => new LensEvalPlace(l.Layer, null, Top, l.Lens, l.LogitLens, l.Normalized))],
        Ablation = removed is null ? Ablation : Ablation! with
        {
            Jacobian = LensAblationOutcome.Of(removed.Lens),
        },
    };

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
