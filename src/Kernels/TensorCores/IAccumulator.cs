using ILGPU;

namespace HeadTap.Kernels;

/// <summary>The sums that a warp makes of a group's tile.</summary>
interface IAccumulator<TSelf> where TSelf : struct, IAccumulator<TSelf>
{
    /// <summary>This warp's first row in the tile.</summary>
    static abstract int Row { get; }

    /// <summary>This warp's first column in the tile.</summary>
    static abstract int Column { get; }

    /// <summary>Adds eight terms, from <paramref name="term"/> on, of a stage of floats.</summary>
    static abstract TSelf PlusTf32<TCores, TX, TWeight>(
        ArrayView<float> shared, int origin, int stage, int row, int column, int term, TSelf s)
        where TCores : struct, ITensorCores
        where TX : struct, IOperandLayout
        where TWeight : struct, IOperandLayout;

    /// <summary>Adds the sixteen terms of a stage of BF16 pairs.</summary>
    static abstract TSelf PlusBf16<TCores, TX, TWeight>(
        ArrayView<float> shared, int origin, int stage, int row, int column, TSelf s)
        where TCores : struct, ITensorCores
        where TX : struct, IOperandLayout
        where TWeight : struct, IOperandLayout;

    /// <summary>
    /// Stores all of it; (row, column) is its corner in y. Sums go through 1024 words of shared memory a
    /// warp, 16 rows at a time, so that neighbouring lanes store neighbouring columns; all warps of the group
    /// call together.
    /// </summary>
    void Store(
        ArrayView<float> shared, ArrayView<float> bias, ArrayView<float> residual, ArrayView<float> y,
        in MatMulShape s, in MatMulEpilogue e, int row, int column);
}
