using System.Text.Json.Serialization;
using HeadTap.Inject;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Options of <see cref="InjectCompareJob"/>.</summary>
public sealed record InjectCompareOptions
{
    /// <summary>A model folder as Hugging Face keeps it.</summary>
    public required string Model { get; init; }

    /// <summary>The two prompts.</summary>
    public required PairPromptRequest Pair { get; init; }

    /// <summary>Tokens of each list that are compared.</summary>
    public int Top { get; init; } = 20;

    /// <summary>raw, or transformer-lens (LayerNorm folded, centred: the paper's).</summary>
    public string Weights { get; init; } = "raw";

    /// <summary>A page with maps over layers and heads, lines over layers and all lists.</summary>
    public string? Report { get; init; }
}

/// <summary>A comparison with what it compares, as pages and tables show it.</summary>
/// <param name="Pair">The prompts as tokens.</param>
/// <param name="Found">The comparison.</param>
/// <param name="Text">A token as text.</param>
/// <param name="HasAnswer">Whether an answer was named.</param>
public sealed record ShownComparison(
    EncodedPair Pair, PairComparison Found, Func<int, string> Text, bool HasAnswer);

/// <summary>A token that attention writes.</summary>
/// <param name="Id">Token id.</param>
/// <param name="Text">The token as text.</param>
/// <param name="Logit">Its logit in what is written, without a LayerNorm.</param>
public sealed record WrittenToken(int Id, string Text, float Logit);

/// <summary>What a layer or head writes for one prompt.</summary>
/// <param name="Norm">Length of the written vector.</param>
/// <param name="BridgeRankFirst">Rank of the bridge's first token; 1 is the top.</param>
/// <param name="BridgeRankBest">Best rank among the bridge's tokens.</param>
/// <param name="AnswerRank">Rank of the answer; null where none was named.</param>
/// <param name="Top">The tokens with the largest logits.</param>
public sealed record ComparedWriting(double Norm, int? BridgeRankFirst, int? BridgeRankBest, int? AnswerRank,
    IReadOnlyList<WrittenToken> Top);

/// <summary>A layer's or head's writings for both prompts.</summary>
/// <param name="Layer">The layer, from 0.</param>
/// <param name="Head">The head, from 0; null for the whole layer.</param>
/// <param name="Cosine">Between the two written vectors.</param>
/// <param name="Shared">Tokens in both lists.</param>
/// <param name="Jaccard">Shared tokens as a share of those in either list.</param>
/// <param name="Explicit">For the single-hop prompt.</param>
/// <param name="Obscure">For the multi-hop prompt.</param>
public sealed record ComparedPlace(int Layer,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] int? Head, double Cosine,
    int Shared, double Jaccard, ComparedWriting Explicit, ComparedWriting Obscure);

/// <summary>What attention writes for a pair of prompts.</summary>
/// <param name="Explicit">The single-hop prompt.</param>
/// <param name="Obscure">The multi-hop prompt.</param>
/// <param name="Bridge">The entity between the hops.</param>
/// <param name="BridgeIds">Token ids of a space and the bridge.</param>
/// <param name="AnswerId">Token id of the answer; null where none was named.</param>
/// <param name="Weights">raw or transformer-lens.</param>
/// <param name="Bos">Whether a begin-of-text token stands before both prompts.</param>
/// <param name="Top">Tokens of each list.</param>
/// <param name="Layers">[L] by layer.</param>
/// <param name="Heads">[L H] by head.</param>
public sealed record InjectCompareResult(string Explicit, string Obscure, string Bridge,
    IReadOnlyList<int> BridgeIds, int? AnswerId, string Weights, bool Bos, int Top,
    IReadOnlyList<ComparedPlace> Layers, IReadOnlyList<ComparedPlace> Heads)
{
    /// <summary>The comparison that tables show.</summary>
    [JsonIgnore]
    public ShownComparison? Shown { get; init; }
}

/// <summary>Compares what attention writes for a single-hop prompt and a multi-hop one.</summary>
public static class InjectCompareJob
{
    /// <summary>Runs the job.</summary>
    /// <exception cref="UserException">An option does not fit the model.</exception>
    public static InjectCompareResult Run(InjectCompareOptions options, JobContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        bool processed = InjectionWords.Processed(options.Weights);
        ModelConfig config = ModelFolder.ReadConfig(options.Model);
        int top = options.Top;
        if (top < 1 || top > config.VocabSize)
            throw new UserException($"Top is {top}; expected 1 to {config.VocabSize}", nameof(options.Top));
        ByteBpeTokenizer tokenizer = ByteBpeTokenizer.Load(options.Model);
        EncodedPair pair = options.Pair.Read(tokenizer, config, options.Model)
            ?? throw new UserException("no prompts; expected Explicit and Obscure",
                nameof(PairPromptRequest.Explicit), nameof(PairPromptRequest.Obscure));
        bool hasAnswer = options.Pair.Answer is not null;
        if (options.Report is { } place)
            AtomicFile.RequireWritable(place);
        using ComputeDevice device = context.OpenDevice();
        using LoadedModel loaded = LoadedModel.Open(context, device, options.Model, processed);
        PairComparison found = PairComparison.Of(loaded.Model, pair.Explicit, pair.Obscure, pair.Memory,
            hasAnswer ? pair.Answer : null, top);
        var shown = new ShownComparison(pair, found, id => VisibleText.Of(tokenizer.Decode([id])), hasAnswer);
        if (options.Report is { } page)
            ComparisonReport.Save(page, shown);
        return new InjectCompareResult(pair.Pair.Explicit, pair.Pair.Obscure, pair.Pair.Bridge, pair.Memory,
            hasAnswer ? pair.Answer : null, options.Weights, options.Pair.Bos, top,
            [.. found.Layers.Select(p => Place(p, shown))], [.. found.Heads.Select(p => Place(p, shown))])
        {
            Shown = shown,
        };
    }

    static ComparedPlace Place(PlaceComparison place, ShownComparison shown) => new(place.Layer, place.Head,
        place.Cosine, place.Shared, place.Jaccard, Writing(place.Explicit, shown),
        Writing(place.Obscure, shown));

    static ComparedWriting Writing(Writing writing, ShownComparison shown) => new(writing.Norm,
        writing.Bridge?.First, writing.Bridge?.Best, writing.AnswerRank,
        [.. writing.Top.Select(t => new WrittenToken(t.Token, shown.Text(t.Token), t.Logit))]);
}
