using System.Text.Json.Serialization;

namespace HeadTap.Jobs;

/// <summary>The effect of a node.</summary>
/// <param name="Node">Name: input, a2.h1 (layer 2, head 1) or m3.</param>
/// <param name="Layer">Block, from 0; null for the input.</param>
/// <param name="Head">Head, from 0; null for other nodes.</param>
/// <param name="Effect">Estimated change of the metric when its clean output is put into the corrupted run;
/// the mean over pairs.</param>
/// <param name="Low">Lower end of the mean's interval, 95 %; null for one pair.</param>
/// <param name="High">Upper end of it.</param>
/// <param name="Patched">The true change; null where it was not asked for.</param>
public sealed record NodeEffectResult(string Node,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] int? Layer,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] int? Head, double Effect,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] double? Low,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] double? High,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] double? Patched);

/// <summary>The effect of an edge.</summary>
/// <param name="From">Node that writes.</param>
/// <param name="To">Node that reads.</param>
/// <param name="Input">q, k or v of a head; null for other nodes.</param>
/// <param name="Effect">Estimated change of the metric; the mean over pairs.</param>
/// <param name="Low">Lower end of the mean's interval, 95 %; null for one pair.</param>
/// <param name="High">Upper end of it.</param>
public sealed record EdgeEffectResult(string From, string To,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Input, double Effect,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] double? Low,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] double? High)
{
    /// <summary>The name of the edge: a0.h3-&gt;a2.h1&lt;k&gt;.</summary>
    [JsonIgnore]
    public string Name => $"{From}->{To}" + (Input is null ? "" : $"<{Input}>");
}

/// <summary>How far the estimate is from a whole.</summary>
/// <param name="Effect">Effect of the embeddings, the mean over pairs.</param>
/// <param name="Difference">Metric after the clean prompt less that after the corrupted one, the mean over
/// pairs.</param>
/// <param name="Error">Mean over pairs of the distance between the two.</param>
public sealed record CompletenessResult(double Effect, double Difference, double Error);

/// <summary>How well the estimates of heads and feed-forward blocks agree with true patching.</summary>
/// <param name="Pearson">Linear correlation.</param>
/// <param name="Spearman">Correlation of ranks.</param>
/// <param name="Top">Number of largest effects that are compared.</param>
/// <param name="Overlap">Share of the largest true effects that are among the largest estimates.</param>
public sealed record AgreementResult(double Pearson, double Spearman, int Top, double Overlap);

/// <summary>The circuit of the edges with the largest effects.</summary>
/// <param name="Edges">Kept edges on paths from the embeddings to the logits, largest effect first.</param>
/// <param name="Nodes">Nodes with a kept edge, in the order of the forward pass.</param>
/// <param name="Of">Number of edges of the model.</param>
/// <param name="Value">Mean over pairs of the metric when only the circuit's edges carry clean
/// values.</param>
/// <param name="Faithfulness">(value - corrupt) / (clean - corrupt), of means over pairs: 1 for the whole
/// model; null where clean and corrupt are equal.</param>
/// <param name="Low">Lower end of its interval over pairs, 95 %; null for one pair.</param>
/// <param name="High">Upper end of it.</param>
public sealed record CircuitResult(IReadOnlyList<EdgeEffectResult> Edges, IReadOnlyList<string> Nodes, int Of,
    double Value, double Faithfulness,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] double? Low,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] double? High);

/// <summary>The effects of nodes and edges, and the circuit of the largest.</summary>
/// <param name="ModelHash">Hash of the model's folder.</param>
/// <param name="Metric">The metric: logit-diff, logprob or kl.</param>
/// <param name="IgSteps">Points between the prompts at which gradients are taken; 0 for the corrupted
/// prompt.</param>
/// <param name="Pairs">Number of pairs.</param>
/// <param name="Clean">Mean of the metric after the clean prompts.</param>
/// <param name="Corrupt">Mean of the metric after the corrupted prompts.</param>
/// <param name="Nodes">Nodes in the order of the forward pass.</param>
/// <param name="Completeness">How far the effect of the embeddings is from the whole difference.</param>
/// <param name="Agreement">Agreement with true patching; null where it was not asked for.</param>
/// <param name="Circuit">The circuit.</param>
public sealed record AttributeResult(string ModelHash, string Metric, int IgSteps, int Pairs, double Clean,
    double Corrupt, IReadOnlyList<NodeEffectResult> Nodes, CompletenessResult Completeness,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] AgreementResult? Agreement,
    CircuitResult Circuit)
{
    /// <summary>Effects by position; null where they were not asked for.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public PositionEffectsResult? Positions { get; init; }

    /// <summary>Token id before each prompt; null for none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? Bos { get; init; }
}
