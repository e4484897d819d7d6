using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using HeadTap.Inject;
using HeadTap.Models;

namespace HeadTap.Jobs;

/// <summary>What <see cref="InjectSuggestJob"/> found: exactly one of its three parts is set.</summary>
public sealed record InjectSuggestResult
{
    /// <summary>Of one pair.</summary>
    public InjectSuggestOneResult? One { get; init; }

    /// <summary>Of a file of pairs.</summary>
    public InjectSuggestAllResult? All { get; init; }

    /// <summary>Of an evaluation.</summary>
    public SuggestionEvaluationResult? Evaluation { get; init; }
}

/// <summary>A suggested memory.</summary>
/// <param name="Memory">Its kind.</param>
/// <param name="Layer">The layer that receives it, from 0.</param>
/// <param name="Tau">Its magnitude; 0 where none comes nearer than nothing.</param>
/// <param name="TokenIds">Its tokens.</param>
/// <param name="Tokens">Its tokens as text.</param>
/// <param name="Divergence">Nats from the single-hop prompt's next token.</param>
/// <param name="ProbabilityAfter">Of the answer, 0 to 1; null where none was named.</param>
/// <param name="RankAfter">Of the answer; null where none was named.</param>
public sealed record SuggestedMemoryResult(string Memory, int Layer, float Tau, IReadOnlyList<int> TokenIds,
    IReadOnlyList<string> Tokens, double Divergence,
    [property: JsonPropertyName("p_after")] double? ProbabilityAfter, int? RankAfter)
{
    /// <summary>The first tokens, as tables show them.</summary>
    [JsonIgnore]
    public string Shown { get; init; } = "";
}

/// <summary>Where a multi-hop prompt fails, and a memory for it.</summary>
/// <param name="Explicit">The single-hop prompt.</param>
/// <param name="Obscure">The multi-hop prompt.</param>
/// <param name="Bridge">The entity between the hops; null where none was named.</param>
/// <param name="Layer">The failing layer, from 0.</param>
/// <param name="Head">The failing head, from 0.</param>
/// <param name="Divergence">Nats between the two prompts' next tokens.</param>
/// <param name="DivergenceByLayer">[L] nats with that layer's attention output patched.</param>
/// <param name="DivergenceByHead">[H] nats with that head of the layer patched.</param>
/// <param name="Cosine">Between the layer's attention outputs for the two prompts.</param>
/// <param name="ProbabilityBefore">Of the answer, 0 to 1; null where none was named.</param>
/// <param name="RankBefore">Of the answer; null where none was named.</param>
/// <param name="Memories">By kind.</param>
/// <param name="Chosen">The kind that is proposed.</param>
/// <param name="Reason">Why, in a sentence.</param>
/// <param name="Edit">The proposed injection as an edit spec.</param>
public sealed record InjectSuggestOneResult(string Explicit, string Obscure, string? Bridge, int Layer,
    int Head, double Divergence, IReadOnlyList<double> DivergenceByLayer,
    IReadOnlyList<double> DivergenceByHead, double Cosine,
    [property: JsonPropertyName("p_before")] double? ProbabilityBefore, int? RankBefore,
    IReadOnlyList<SuggestedMemoryResult> Memories, string Chosen, string Reason, JsonObject Edit)
{
    /// <summary>The pair that tables show.</summary>
    [JsonIgnore]
    public SuggestedPair? Found { get; init; }

    /// <summary>Whether an answer was named.</summary>
    [JsonIgnore]
    public bool HasAnswer { get; init; }
}

/// <summary>Where the prompts of a file fail.</summary>
/// <param name="Pairs">Number of pairs.</param>
/// <param name="ProbabilityBefore">Mean probability of the answers, 0 to 1.</param>
/// <param name="FailingLayers">By layer: number of pairs.</param>
/// <param name="FailingHeads">The five heads that most pairs fail at: number of pairs.</param>
/// <param name="Suggestions">By pair.</param>
public sealed record InjectSuggestAllResult(int Pairs,
    [property: JsonPropertyName("p_before")] double ProbabilityBefore,
    IReadOnlyDictionary<string, int> FailingLayers, IReadOnlyDictionary<string, int> FailingHeads,
    IReadOnlyList<InjectSuggestOneResult> Suggestions);

/// <summary>One way to inject, measured on the test pairs.</summary>
/// <param name="Way">Its name.</param>
/// <param name="MeanProbability">Mean probability of the answers, 0 to 1.</param>
/// <param name="MeanProbabilityInterval">Ends of its 95 % interval.</param>
/// <param name="ShareFirst">Share of answers that are the most probable token.</param>
/// <param name="ShareFirstInterval">Ends of its 95 % interval.</param>
/// <param name="Repaired">Share of answers that become the most probable token.</param>
/// <param name="Broken">Share of answers that no longer are the most probable token.</param>
/// <param name="TrimmedMean">Percent, of relative gains.</param>
/// <param name="Median">Percent, of relative gains.</param>
/// <param name="MeanProbabilityChange">Percent.</param>
public sealed record WayResult(string Way, [property: JsonPropertyName("mean_p")] double MeanProbability,
    [property: JsonPropertyName("mean_p_interval")] IReadOnlyList<double> MeanProbabilityInterval,
    [property: JsonPropertyName("rank_1")] double ShareFirst,
    [property: JsonPropertyName("rank_1_interval")] IReadOnlyList<double> ShareFirstInterval,
    double Repaired, double Broken, double TrimmedMean, double Median, double MeanProbabilityChange);

/// <summary>Suggestions beside one cell for all pairs.</summary>
/// <param name="ValidationPairs">Pairs that chose the cell.</param>
/// <param name="TestPairs">Pairs that everything is measured on.</param>
/// <param name="FixedCell">The chosen cell, in words.</param>
/// <param name="ComparisonAgrees">Share of pairs whose lists overlap least in the layer that the search
/// finds.
/// </param>
/// <param name="Results">By way.</param>
public sealed record SuggestionEvaluationResult(int ValidationPairs, int TestPairs, string FixedCell,
    double ComparisonAgrees, IReadOnlyList<WayResult> Results)
{
    /// <summary>The evaluation that tables show.</summary>
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
