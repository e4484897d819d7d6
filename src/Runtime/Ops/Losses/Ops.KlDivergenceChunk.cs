using HeadTap.Kernels;
using ILGPU;
using ILGPU.Runtime;

namespace HeadTap.Runtime;

public sealed unsafe partial class Ops
{
    Action<KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>,
        long, int, int>? _klDivergenceChunk;
    Action<KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, long, int, float>?
        _klDivergenceChunkGradient;

    /// <summary>
    /// Takes columns [first, first + n) into the losses: after the chunk that ends the vocabulary,
    /// <c>losses = KL(softmax(targetLogits) || softmax(logits))</c>. Chunks come in order, the first with
    /// <paramref name="first"/> 0, which begins anew.
    /// </summary>
    /// <param name="targetLogits">[rows, n] of the same chunk, or [rows, V] of the whole vocabulary.</param>
    /// <param name="logits">[rows, n]</param>
    /// <param name="statistics">[rows, 5], kept from chunk to chunk.</param>
    /// <param name="losses">[rows], in nats; of the columns so far until the last chunk has come.</param>
    /// <param name="first">The chunk's first column.</param>
    /// <exception cref="ArgumentException">A shape does not fit.</exception>
    internal void KlDivergenceChunk(
        Tensor targetLogits, Tensor logits, Tensor statistics, Tensor losses, int first)
    {
        (int rows, int n) = (logits.Rows, logits.Columns);
        Tensor target = KlTarget(targetLogits, logits, statistics, first, nameof(KlDivergenceChunk));
        Require(losses.Length == rows, $"{losses} needs {rows} rows.");
        CountOp();
        if (logits.Length == 0)
            return;
        int begin = first == 0 ? 1 : 0;
        if (Host)
            KlDivergenceChunkHost.Statistics(target.Pointer, logits.Pointer, statistics.Pointer,
                losses.Pointer, rows, targetLogits.Columns, n, first == 0);
        else
            (_klDivergenceChunk ??= Gpu.LoadStreamKernel<ArrayView<float>, ArrayView<float>, ArrayView<float>,
                ArrayView<float>, long, int, int>(KlDivergenceChunkKernels.Statistics))(
                (rows, KlDivergenceChunkKernels.BlockSize),
                target.View, logits.View, statistics.View, losses.View, targetLogits.Columns, n, begin);
    }

    /// <summary>
    /// Overwrites columns [first, first + n) of logits with
    /// <c>(softmax(logits) - softmax(targetLogits)) * gradientScale</c>, after all chunks have been taken in.
    /// </summary>
    /// <param name="targetLogits">[rows, n] of the same chunk, or [rows, V] of the whole vocabulary.</param>
    /// <param name="statistics">[rows, 5], of the whole vocabulary.</param>
    /// <param name="logits">[rows, n], the same values as when they were taken in.</param>
    /// <param name="first">The chunk's first column.</param>
    /// <param name="gradientScale">1 / rows for the gradient of the mean.</param>
    /// <exception cref="ArgumentException">A shape does not fit.</exception>
    internal void KlDivergenceChunkGradient(
        Tensor targetLogits, Tensor statistics, Tensor logits, int first, float gradientScale)
    {
        (int rows, int n) = (logits.Rows, logits.Columns);
        Tensor target = KlTarget(targetLogits, logits, statistics, first, nameof(KlDivergenceChunkGradient));
        CountOp();
        if (logits.Length == 0)
            return;
        if (Host)
            KlDivergenceChunkHost.Gradient(target.Pointer, statistics.Pointer, logits.Pointer,
                rows, targetLogits.Columns, n, gradientScale);
        else
            (_klDivergenceChunkGradient ??= Gpu.LoadStreamKernel<ArrayView<float>, ArrayView<float>,
                ArrayView<float>, long, int, float>(KlDivergenceChunkKernels.Gradient))(
                (rows, KlDivergenceChunkKernels.BlockSize),
                target.View, statistics.View, logits.View, targetLogits.Columns, n, gradientScale);
    }

    // The target's elements from the chunk's first on; their row stride is targetLogits.Columns.
    static Tensor KlTarget(Tensor targetLogits, Tensor logits, Tensor statistics, int first, string op)
    {
        (int rows, int n) = (logits.Rows, logits.Columns);
        bool whole = targetLogits.Columns != n;
        Require(targetLogits.Rows == rows && first >= 0 && (!whole || first <= targetLogits.Columns - n),
            $"{targetLogits} must have the rows of {logits} and its columns, from {first} on.", op);
        Require(statistics.Length == (long)rows * KlDivergenceChunkKernels.StatisticsPerRow,
            $"{statistics} must be [{rows}, {KlDivergenceChunkKernels.StatisticsPerRow}].", op);
        return whole && logits.Length > 0
            ? targetLogits.Slice(targetLogits.Name, first, checked((int)(targetLogits.Length - first)))
            : targetLogits;
    }
}
