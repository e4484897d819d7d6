using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using HeadTap.Inject;
using HeadTap.Models;

namespace HeadTap.Jobs;

/// <summary>The result of <see cref="InjectSuggestJob"/>; exactly one of its three parts is set.</summary>
public sealed record InjectSuggestResult
{
    /// <summary>The suggestion for one pair.</summary>
    public InjectSuggestOneResult? One { get; init; }

    /// <summary>The suggestions for a file of pairs.</summary>
    public InjectSuggestAllResult? All { get; init; }

    /// <summary>The evaluation of suggestions.</summary>
    public SuggestionEvaluationResult? Evaluation { get; init; }
}

/// <summary>A suggested memory and its effect.</summary>
/// <param name="Memory">Kind of memory.</param>
/// <param name="Layer">Layer that receives it, from 0.</param>
/// <param name="Tau">Magnitude; 0 if no magnitude brings the run closer than no memory.</param>
/// <param name="TokenIds">Token ids of the memory.</param>
/// <param name="Tokens">Tokens of the memory as text.</param>
/// <param name="Divergence">Divergence from the single-hop run's next-token distribution, nats.</param>
/// <param name="ProbabilityAfter">Probability of the answer after, 0 to 1; null without an answer.</param>
/// <param name="RankAfter">Rank of the answer after; null without an answer.</param>
public sealed record SuggestedMemoryResult(string Memory, int Layer, float Tau, IReadOnlyList<int> TokenIds,
    IReadOnlyList<string> Tokens, double Divergence,
    [property: JsonPropertyName("p_after")] double? ProbabilityAfter, int? RankAfter)
{
    /// <summary>The first tokens as text for tables.</summary>
    [JsonIgnore]
    public string Shown { get; init; } = "";
}

/// <summary>The layer and head where a multi-hop prompt fails, and memories to inject there.</summary>
/// <param name="Explicit">Single-hop prompt.</param>
/// <param name="Obscure">Multi-hop prompt.</param>
/// <param name="Bridge">Entity between the hops; null if not given.</param>
/// <param name="Layer">Failing layer, from 0.</param>
/// <param name="Head">Failing head, from 0.</param>
/// <param name="Divergence">Divergence between the two runs' next-token distributions, nats.</param>
/// <param name="DivergenceByLayer">Divergence with that layer's attention output patched, nats, [L].</param>
/// <param name="DivergenceByHead">Divergence with that head of the layer patched, nats, [H].</param>
/// <param name="Cosine">Cosine between the layer's attention outputs for the two prompts.</param>
/// <param name="ProbabilityBefore">Probability of the answer before, 0 to 1; null without an answer.</param>
/// <param name="RankBefore">Rank of the answer before; null without an answer.</param>
/// <param name="Memories">Suggested memories by kind.</param>
/// <param name="Chosen">Kind of memory that is proposed.</param>
/// <param name="Reason">Reason for the choice, in a sentence.</param>
/// <param name="Edit">Proposed injection as an edit spec.</param>
public sealed record InjectSuggestOneResult(string Explicit, string Obscure, string? Bridge, int Layer,
    int Head, double Divergence, IReadOnlyList<double> DivergenceByLayer,
    IReadOnlyList<double> DivergenceByHead, double Cosine,
    [property: JsonPropertyName("p_before")] double? ProbabilityBefore, int? RankBefore,
    IReadOnlyList<SuggestedMemoryResult> Memories, string Chosen, string Reason, JsonObject Edit)
{
    /// <summary>Token id before each prompt; null for none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? Bos { get; init; }

    /// <summary>The findings of the pair for tables.</summary>
    [JsonIgnore]
    public SuggestedPair? Found { get; init; }

    /// <summary>Whether an answer was named.</summary>
    [JsonIgnore]
    public bool HasAnswer { get; init; }
}

/// <summary>The layers and heads where the pairs of a file fail.</summary>
/// <param name="Pairs">Number of pairs.</param>
/// <param name="ProbabilityBefore">Mean probability of the answers, 0 to 1.</param>
/// <param name="FailingLayers">Number of pairs by failing layer.</param>
/// <param name="FailingHeads">Number of pairs for the five most frequent failing heads.</param>
/// <param name="Suggestions">Suggestions by pair.</param>
public sealed record InjectSuggestAllResult(int Pairs,
    [property: JsonPropertyName("p_before")] double ProbabilityBefore,
    IReadOnlyDictionary<string, int> FailingLayers, IReadOnlyDictionary<string, int> FailingHeads,
    IReadOnlyList<InjectSuggestOneResult> Suggestions)
{
    /// <summary>Token id before each prompt; null for none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? Bos { get; init; }
}

/// <summary>The effect of one way to inject on the test pairs.</summary>
/// <param name="Way">Name of the way.</param>
/// <param name="MeanProbability">Mean probability of the answers, 0 to 1.</param>
/// <param name="MeanProbabilityInterval">Ends of the 95 % interval of the mean probability.</param>
/// <param name="ShareFirst">Share of answers that are the most probable token.</param>
/// <param name="ShareFirstInterval">Ends of the 95 % interval of the share.</param>
/// <param name="Repaired">Share of answers that become the most probable token.</param>
/// <param name="Broken">Share of answers that are no longer the most probable token.</param>
/// <param name="TrimmedMean">Relative gains, percent.</param>
/// <param name="Median">Relative gains, percent.</param>
/// <param name="MeanProbabilityChange">Change of the mean probability, percent.</param>
public sealed record WayResult(string Way, [property: JsonPropertyName("mean_p")] double MeanProbability,
    [property: JsonPropertyName("mean_p_interval")] IReadOnlyList<double> MeanProbabilityInterval,
    [property: JsonPropertyName("rank_1")] double ShareFirst,
    [property: JsonPropertyName("rank_1_interval")] IReadOnlyList<double> ShareFirstInterval,
    double Repaired, double Broken, double TrimmedMean, double Median, double MeanProbabilityChange);

/// <summary>Suggestions compared with one cell for all pairs.</summary>
/// <param name="ValidationPairs">Number of pairs that chose the cell.</param>
/// <param name="TestPairs">Number of pairs that all ways are measured on.</param>
/// <param name="FixedCell">Chosen cell in words.</param>
/// <param name="ComparisonAgrees">Share of pairs whose token lists overlap least in the layer that the search
/// finds.</param>
/// <param name="Results">Effects by way to inject.</param>
public sealed record SuggestionEvaluationResult(int ValidationPairs, int TestPairs, string FixedCell,
    double ComparisonAgrees, IReadOnlyList<WayResult> Results)
{
    /// <summary>Token id before each prompt; null for none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? Bos { get; init; }

    /// <summary>The evaluation for tables.</summary>
    [JsonIgnore]
    public SuggestionEvaluation? Found { get; init; }

    internal static SuggestionEvaluationResult Of(SuggestionEvaluation found, int validation, int test)
        => new(validation, test, $"{SweptCell.Word(found.Cell.Encoder)}, "
            + $"{(found.Cell.Positions == MemoryPositions.Last ? "last position" : "all positions")}, "
            + $"layer {found.Cell.Layer}, tau {found.Cell.Tau}", found.Agreement,
            [.. found.Results.Select(r => new WayResult(r.Name, r.Gain.MeanAfter, Ends(r.MeanAfter), r.First,
                Ends(r.FirstInterval), r.Gain.Repaired, r.Gain.Broken, r.Gain.TrimmedMean, r.Gain.Median,
                r.Gain.ProbabilityChange))])
        {
            Found = found,
        };

    static double[] Ends(Interval interval) => [interval.Low, interval.High];
}
