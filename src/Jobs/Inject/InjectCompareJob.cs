using System.Text.Json.Serialization;
using HeadTap.Inject;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Options of <see cref="InjectCompareJob"/>.</summary>
public sealed record InjectCompareOptions
{
    /// <summary>Folder of the model, in Hugging Face's format.</summary>
    public required string Model { get; init; }

    /// <summary>The two prompts to compare.</summary>
    public required PairPromptRequest Pair { get; init; }

    /// <summary>Number of tokens of each list that are compared; at least 1.</summary>
    public int Top { get; init; } = 20;

    /// <summary>How vectors are read as tokens: unembed, or jacobian with <see cref="Lens"/>.</summary>
    public string Encoder { get; init; } = "unembed";

    /// <summary>Folder of a Jacobian lens at resid_mid; null without it.</summary>
    public string? Lens { get; init; }

    /// <summary>Weights: raw, or transformer-lens (LayerNorm folded, centred; the paper's).</summary>
    public string Weights { get; init; } = "raw";

    /// <summary>
    /// File of an HTML page with maps over layers and heads, lines over layers and all lists; null for none.
    /// </summary>
    public string? Report { get; init; }
}

/// <summary>A comparison with its prompts, for pages and tables.</summary>
/// <param name="Pair">Prompts as tokens.</param>
/// <param name="Found">Result of the comparison.</param>
/// <param name="Text">Function that returns a token as text.</param>
/// <param name="HasAnswer">Whether an answer was named.</param>
public sealed record ShownComparison(
    EncodedPair Pair, PairComparison Found, Func<int, string> Text, bool HasAnswer)
{
    /// <summary>Whether a Jacobian lens reads the vectors.</summary>
    public bool Jacobian { get; init; }
}

/// <summary>A token that an attention output favours.</summary>
/// <param name="Id">Token id.</param>
/// <param name="Text">The token as text.</param>
/// <param name="Logit">Logit of the token in the output, without a LayerNorm.</param>
public sealed record WrittenToken(int Id, string Text, float Logit);

/// <summary>The output of a layer's attention or a head for one prompt.</summary>
/// <param name="Norm">Length of the output vector.</param>
/// <param name="BridgeRankFirst">Rank of the bridge's first token; 1 is the top.</param>
/// <param name="BridgeRankBest">Best rank among the bridge's tokens.</param>
/// <param name="AnswerRank">Rank of the answer; null without an answer.</param>
/// <param name="Top">Tokens with the largest logits.</param>
public sealed record ComparedWriting(double Norm, int? BridgeRankFirst, int? BridgeRankBest, int? AnswerRank,
    IReadOnlyList<WrittenToken> Top);

/// <summary>The outputs of a layer or head for both prompts, compared.</summary>
/// <param name="Layer">Layer, from 0.</param>
/// <param name="Head">Head, from 0; null for the whole layer.</param>
/// <param name="Cosine">Cosine between the two output vectors, -1 to 1.</param>
/// <param name="Shared">Number of tokens in both lists.</param>
/// <param name="Jaccard">Number of shared tokens divided by the number of tokens in either list.</param>
/// <param name="Explicit">Output for the single-hop prompt.</param>
/// <param name="Obscure">Output for the multi-hop prompt.</param>
public sealed record ComparedPlace(int Layer,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] int? Head, double Cosine,
    int Shared, double Jaccard, ComparedWriting Explicit, ComparedWriting Obscure);

/// <summary>The attention outputs for a pair of prompts, compared by layer and head.</summary>
/// <param name="Explicit">Single-hop prompt.</param>
/// <param name="Obscure">Multi-hop prompt.</param>
/// <param name="Bridge">Entity between the hops.</param>
/// <param name="BridgeIds">Token ids of the bridge with a space before it.</param>
/// <param name="AnswerId">Token id of the answer; null without an answer.</param>
/// <param name="Weights">Weights that were used: raw or transformer-lens.</param>
/// <param name="Bos">Whether both prompts begin with a begin-of-text token.</param>
/// <param name="Top">Number of tokens of each list.</param>
/// <param name="Layers">Comparisons by layer, [L].</param>
/// <param name="Heads">Comparisons by layer and head, [L H].</param>
public sealed record InjectCompareResult(string Explicit, string Obscure, string Bridge,
    IReadOnlyList<int> BridgeIds, int? AnswerId, string Weights, bool Bos, int Top,
    IReadOnlyList<ComparedPlace> Layers, IReadOnlyList<ComparedPlace> Heads)
{
    /// <summary>Token id before both prompts; null for none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? BosToken { get; init; }

    /// <summary>How vectors were read as tokens: unembed or jacobian.</summary>
    public string Encoder { get; init; } = "unembed";

    /// <summary>The comparison for tables.</summary>
    [JsonIgnore]
    public ShownComparison? Shown { get; init; }
}

/// <summary>Compares the attention outputs for a single-hop and a multi-hop prompt.</summary>
public static class InjectCompareJob
{
    /// <summary>Runs the job and returns its result.</summary>
    /// <exception cref="UserException">An option does not fit the model.</exception>
    public static InjectCompareResult Run(InjectCompareOptions options, JobContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        bool processed = InjectionWords.Processed(options.Weights);
        ModelConfig config = ModelFolder.ReadConfig(options.Model);
        int top = options.Top;
        MemoryEncoder encoder = InjectionWords.TokenEncoder(options.Encoder);
        if (top < 1 || top > config.VocabSize)
            throw new UserException($"{Field.Of(nameof(options.Top))} is {top}; expected 1 to "
                + $"{config.VocabSize}");
        ModelText text = ModelText.Open(options.Model, config, options.Pair.Rules, context);
        ByteBpeTokenizer tokenizer = text.Required();
        EncodedPair pair = options.Pair.Read(text)
            ?? throw new UserException($"no prompts; expected {Field.Of(nameof(PairPromptRequest.Explicit))} "
            + $"and {Field.Of(nameof(PairPromptRequest.Obscure))}");
        bool hasAnswer = options.Pair.Answer is not null;
        JacobianDirections.Require(options.Lens, [encoder], (options.Model, config, processed),
            Enumerable.Range(0, config.Layers), SiteKind.AttnOut);
        if (options.Report is { } place)
            AtomicFile.RequireWritable(place);
        using ComputeDevice device = context.OpenDevice();
        using LoadedModel loaded = LoadedModel.Open(context, device, options.Model, processed);
        PairComparison found = PairComparison.Of(loaded.Model, pair.Explicit, pair.Obscure, pair.Memory,
            hasAnswer ? pair.Answer : null, top,
            options.Lens is { } lens ? StreamJacobian.OfAttention(lens, config) : null);
        var shown = new ShownComparison(
            pair, found, id => VisibleText.Of(tokenizer.TokenText(id)), hasAnswer)
        {
            Jacobian = encoder == MemoryEncoder.Jacobian,
        };
        if (options.Report is { } page)
            ComparisonReport.Save(page, shown);
        return new InjectCompareResult(pair.Pair.Explicit, pair.Pair.Obscure, pair.Pair.Bridge, pair.Memory,
            hasAnswer ? pair.Answer : null, options.Weights, text.Bos is not null, top,
            [.. found.Layers.Select(p => Place(p, shown))], [.. found.Heads.Select(p => Place(p, shown))])
        {
            BosToken = text.Bos, Encoder = options.Encoder, Shown = shown,
        };
    }

    static ComparedPlace Place(PlaceComparison place, ShownComparison shown) => new(place.Layer, place.Head,
        place.Cosine, place.Shared, place.Jaccard, Writing(place.Explicit, shown),
        Writing(place.Obscure, shown));

    static ComparedWriting Writing(Writing writing, ShownComparison shown) => new(writing.Norm,
        writing.Bridge?.First, writing.Bridge?.Best, writing.AnswerRank,
        [.. writing.Top.Select(t => new WrittenToken(t.Token, shown.Text(t.Token), t.Logit))]);
}
