using System.Text.Json.Serialization;

namespace HeadTap.Jobs;

/// <summary>The effect of the stream into a block at one position.</summary>
/// <param name="Layer">Block, from 0.</param>
/// <param name="Position">Position, from 0, or from the end.</param>
/// <param name="Effect">Estimated change of the metric when the clean stream is put into the corrupted run
/// there; the mean over pairs.</param>
/// <param name="Low">Lower end of the mean's interval, 95 %; null for one pair.</param>
/// <param name="High">Upper end of it.</param>
public sealed record StreamPositionResult(int Layer, int Position, double Effect,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] double? Low,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] double? High);

/// <summary>The effect of a node's output at one position.</summary>
/// <param name="Node">Name: input, a2.h1 (layer 2, head 1) or m3.</param>
/// <param name="Layer">Block, from 0; null for the input.</param>
/// <param name="Head">Head, from 0; null for other nodes.</param>
/// <param name="Position">Position, from 0, or from the end.</param>
/// <param name="Effect">Estimated change of the metric when its clean output is put into the corrupted run
/// there; the mean over pairs.</param>
/// <param name="Low">Lower end of the mean's interval, 95 %; null for one pair.</param>
/// <param name="High">Upper end of it.</param>
public sealed record NodePositionResult(string Node,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] int? Layer,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] int? Head, int Position,
    double Effect,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] double? Low,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] double? High);

/// <summary>Effects by position.</summary>
/// <param name="Tokens">Token ids of the corrupted prompt; null for several pairs.</param>
/// <param name="Texts">The same as text.</param>
/// <param name="Streams">Of the stream into each block, in the order of layers.</param>
/// <param name="Nodes">Of each node, in the order of the forward pass. A node's sum over all positions is its
/// effect.</param>
public sealed record PositionEffectsResult(
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyList<int>? Tokens,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyList<string>? Texts,
    IReadOnlyList<StreamPositionResult> Streams, IReadOnlyList<NodePositionResult> Nodes);
