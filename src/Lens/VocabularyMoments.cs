using HeadTap.Runtime;

namespace HeadTap.Lens;

/// <summary>Adam's moments of a matrix [V, K] that is stepped a block of rows at a time.</summary>
abstract class VocabularyMoments
{
    /// <summary>Everything that a checkpoint keeps.</summary>
    internal abstract IEnumerable<(string Name, Tensor Tensor)> State { get; }

    /// <summary>The same, of whole numbers.</summary>
    internal virtual IEnumerable<(string Name, IndexTensor Tensor)> IndexState => [];

    /// <summary>Moments of zero.</summary>
    /// <param name="arena">Where they are cut.</param>
    /// <param name="ops">Steps.</param>
    /// <param name="storage">How they are kept.</param>
    /// <param name="weight">[V, K]</param>
    /// <param name="blockTokens">Rows that are stepped together.</param>
    internal static VocabularyMoments Cut(
        TensorArena arena, Ops ops, MomentStorage storage, Tensor weight, int blockTokens) => storage switch
    {
        MomentStorage.Float32 => new Float32Moments(arena, ops, weight),
        _ => throw new NotSupportedException($"{storage}"),
    };

    /// <summary>Steps a block of rows.</summary>
    /// <param name="weight">[rows, K]: the block.</param>
    /// <param name="gradient">[rows, K]</param>
    /// <param name="first">Its first row; a multiple of the block's rows.</param>
    /// <param name="step">Options.</param>
    internal abstract void Step(Tensor weight, Tensor gradient, int first, in AdamWStep step);
}

/// <summary>Both moments as float32: 8 bytes a parameter.</summary>
sealed class Float32Moments(TensorArena arena, Ops ops, Tensor weight) : VocabularyMoments
{
    readonly Tensor _m = arena.Cut("m", weight.Rows, weight.Columns);
    readonly Tensor _v = arena.Cut("v", weight.Rows, weight.Columns);

    internal override IEnumerable<(string Name, Tensor Tensor)> State => [("weight.m", _m), ("weight.v", _v)];

    internal override void Step(Tensor weight, Tensor gradient, int first, in AdamWStep step)
    {
        int rows = weight.Rows;
        ops.AdamW(weight, gradient, _m.SliceRows(first, rows), _v.SliceRows(first, rows), step);
    }
}
