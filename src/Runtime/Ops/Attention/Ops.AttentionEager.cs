using System.Runtime.CompilerServices;
using HeadTap.Kernels;
using ILGPU;
using ILGPU.Runtime;

namespace HeadTap.Runtime;

public sealed unsafe partial class Ops
{
    Action<KernelConfig, ArrayView<float>, ArrayView<int>, ArrayView<float>, int, int, int, float>? _scores;
    Action<KernelConfig, ArrayView<float>, ArrayView<int>, ArrayView<float>, ArrayView<float>,
        int, int, int, float>? _pattern;
    Action<KernelConfig, ArrayView<float>, ArrayView<float>, int>? _softmaxRows;
    Action<KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, int>? _softmaxRowsBackward;
    Action<KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, int, int, int>?
        _mix, _mixBackwardPattern, _mixBackwardValues;
    Action<KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, int, int, int,
        float>? _scoresBackward;

    /// <summary>
    /// Writes <c>pattern[b,h,i,j] = exp(scale * &lt;q, k&gt; - logSumExp)</c>: what <see cref="Attention"/>
    /// mixed by.
    /// </summary>
    /// <param name="qkv">[B*T, 3C]</param>
    /// <param name="lengths">[B]</param>
    /// <param name="logSumExp">[B, H, T], from <see cref="Attention"/>.</param>
    /// <param name="pattern">[B, H, T, T]; zeros after the query and in padding rows.</param>
    /// <param name="B">Rows of the batch.</param>
    /// <param name="T">Tokens per row, padding included.</param>
    /// <param name="H">Heads.</param>
    /// <param name="scale">The factor of the scores, as in <see cref="Attention"/>.</param>
    /// <exception cref="ArgumentException">A shape does not fit.</exception>
    public void AttentionPattern(
        Tensor qkv, IndexTensor lengths, Tensor logSumExp, Tensor pattern, int B, int T, int H, float scale)
    {
        int D = HeadSize(qkv, B, T, H);
        Require(lengths.Length == B, $"{lengths} must have {B} entries.");
        Require(logSumExp.Length == (long)B * H * T, $"{logSumExp} must have [{B}, {H}, {T}].");
        RequirePairs(pattern, B, T, H);
        CountOp();
        if (pattern.Length == 0)
            return;
        if (Host)
            AttentionEagerHost.Scores(
                qkv.Pointer, lengths.Pointer, logSumExp.Pointer, pattern.Pointer, B, T, H, D, scale);
        else
            (_pattern ??= Gpu.LoadStreamKernel<ArrayView<float>, ArrayView<int>,
                ArrayView<float>, ArrayView<float>, int, int, int, float>(AttentionEagerKernels.Pattern))(
                Elements(pattern.Length),
                qkv.View, lengths.View, logSumExp.View, pattern.View, T, H, D, scale);
    }

    /// <summary>
    /// Writes <c>scores[b,h,i,j] = scale * &lt;q, k&gt;</c>; -infinity for j > i and in padding.
    /// </summary>
    /// <param name="qkv">[B*T, 3C]</param>
    /// <param name="lengths">[B]</param>
    /// <param name="scores">[B, H, T, T]</param>
    /// <param name="B">Rows of the batch.</param>
    /// <param name="T">Tokens per row, padding included.</param>
    /// <param name="H">Heads.</param>
    /// <param name="scale">The factor of the scores, as in <see cref="Attention"/>.</param>
    /// <exception cref="ArgumentException">A shape does not fit.</exception>
    public void AttentionScores(
        Tensor qkv, IndexTensor lengths, Tensor scores, int B, int T, int H, float scale)
    {
        int D = HeadSize(qkv, B, T, H);
        Require(lengths.Length == B, $"{lengths} must have {B} entries.");
        RequirePairs(scores, B, T, H);
        CountOp();
        if (scores.Length == 0)
            return;
        if (Host)
            AttentionEagerHost.Scores(
                qkv.Pointer, lengths.Pointer, null, scores.Pointer, B, T, H, D, scale);
        else
            (_scores ??= Gpu.LoadStreamKernel<ArrayView<float>, ArrayView<int>,
                ArrayView<float>, int, int, int, float>(AttentionEagerKernels.Scores))(
                Elements(scores.Length), qkv.View, lengths.View, scores.View, T, H, D, scale);
    }

    /// <summary>Writes the softmax of each row; a row of -infinity gives zeros.</summary>
    /// <param name="scores">[..., columns]</param>
    /// <param name="pattern">[..., columns]; may be <paramref name="scores"/>.</param>
    /// <exception cref="ArgumentException">A shape does not fit.</exception>
    public void SoftmaxRows(Tensor scores, Tensor pattern)
    {
        Require(pattern.Length == scores.Length && pattern.Columns == scores.Columns,
            $"{pattern} must have the shape of {scores}.");
        CountOp();
        if (scores.Length == 0)
            return;
        if (Host)
            AttentionEagerHost.Softmax(scores.Pointer, pattern.Pointer, scores.Rows, scores.Columns);
        else
            (_softmaxRows ??= Gpu.LoadStreamKernel<ArrayView<float>, ArrayView<float>, int>(
                AttentionEagerKernels.Softmax))((scores.Rows, AttentionEagerKernels.BlockSize),
                scores.View, pattern.View, scores.Columns);
    }

    /// <summary>Writes <c>dScores = p * (dP - sum of p * dP)</c> for each row; where p is 0, 0.</summary>
    /// <param name="pattern">[..., columns], from <see cref="SoftmaxRows"/>.</param>
    /// <param name="dPattern">[..., columns]</param>
    /// <param name="dScores">[..., columns]; may be <paramref name="dPattern"/>.</param>
    /// <exception cref="ArgumentException">A shape does not fit.</exception>
    public void SoftmaxRowsBackward(Tensor pattern, Tensor dPattern, Tensor dScores)
    {
        Require(dPattern.Length == pattern.Length && dScores.Length == pattern.Length,
            $"{dPattern} and {dScores} must have the shape of {pattern}.");
        CountOp();
        if (pattern.Length == 0)
            return;
        if (Host)
            AttentionEagerHost.SoftmaxBackward(
                pattern.Pointer, dPattern.Pointer, dScores.Pointer, pattern.Rows, pattern.Columns);
        else
            (_softmaxRowsBackward ??= Gpu.LoadStreamKernel<ArrayView<float>, ArrayView<float>,
                ArrayView<float>, int>(AttentionEagerKernels.SoftmaxBackward))(
                (pattern.Rows, AttentionEagerKernels.BlockSize),
                pattern.View, dPattern.View, dScores.View, pattern.Columns);
    }

    /// <summary>Writes <c>z[b,i,h,:] = sum_j pattern[b,h,i,j] v[b,j,h,:]</c>, over all j.</summary>
    /// <param name="pattern">[B, H, T, T]; where it is exactly 0, v is not read.</param>
    /// <param name="qkv">[B*T, 3C]</param>
    /// <param name="z">[B*T, C]</param>
    /// <param name="B">Rows of the batch.</param>
    /// <param name="T">Tokens per row, padding included.</param>
    /// <param name="H">Heads.</param>
    /// <exception cref="ArgumentException">A shape does not fit.</exception>
    public void AttentionMix(Tensor pattern, Tensor qkv, Tensor z, int B, int T, int H)
    {
        int D = HeadSize(qkv, B, T, H);
        RequirePairs(pattern, B, T, H);
        Require(z.Length == (long)B * T * H * D, $"{z} must have [{B * T}, {H * D}].");
        CountOp();
        if (z.Length == 0)
            return;
        if (Host)
            AttentionEagerHost.Mix(pattern.Pointer, qkv.Pointer, z.Pointer, B, T, H, D);
        else
            (_mix ??= Gpu.LoadStreamKernel<ArrayView<float>, ArrayView<float>,
                ArrayView<float>, int, int, int>(AttentionEagerKernels.Mix))(
                Elements(z.Length), pattern.View, qkv.View, z.View, T, H, D);
    }

    /// <summary>
    /// Writes dPattern and adds into the v part of dQkv: the gradients of <see cref="AttentionMix"/>.
    /// </summary>
    /// <param name="pattern">[B, H, T, T]</param>
    /// <param name="qkv">[B*T, 3C]</param>
    /// <param name="dZ">[B*T, C]</param>
    /// <param name="dPattern">[B, H, T, T]</param>
    /// <param name="dQkv">[B*T, 3C]</param>
    /// <param name="B">Rows of the batch.</param>
    /// <param name="T">Tokens per row, padding included.</param>
    /// <param name="H">Heads.</param>
    /// <exception cref="ArgumentException">A shape does not fit.</exception>
    public void AttentionMixBackward(
        Tensor pattern, Tensor qkv, Tensor dZ, Tensor dPattern, Tensor dQkv, int B, int T, int H)
    {
        int D = HeadSize(qkv, B, T, H);
        RequirePairs(pattern, B, T, H);
        RequirePairs(dPattern, B, T, H);
        Require(dZ.Length == (long)B * T * H * D, $"{dZ} must have [{B * T}, {H * D}].");
        Require(dQkv.Length == qkv.Length, $"{dQkv} must have the shape of {qkv}.");
        CountOp();
        if (dZ.Length == 0)
            return;
        if (Host)
        {
            AttentionEagerHost.MixBackward(
                pattern.Pointer, qkv.Pointer, dZ.Pointer, dPattern.Pointer, dQkv.Pointer, B, T, H, D);
            return;
        }
        (_mixBackwardPattern ??= Gpu.LoadStreamKernel<ArrayView<float>, ArrayView<float>,
            ArrayView<float>, int, int, int>(AttentionEagerKernels.MixBackwardPattern))(
            Elements(dPattern.Length), qkv.View, dZ.View, dPattern.View, T, H, D);
        (_mixBackwardValues ??= Gpu.LoadStreamKernel<ArrayView<float>, ArrayView<float>,
            ArrayView<float>, int, int, int>(AttentionEagerKernels.MixBackwardValues))(
            Elements(dZ.Length), pattern.View, dZ.View, dQkv.View, T, H, D);
    }

    /// <summary>
    /// Adds into the q and k parts of dQkv: the gradient of <see cref="AttentionScores"/>. Entries after the
    /// query are ignored.
    /// </summary>
    /// <param name="qkv">[B*T, 3C]</param>
    /// <param name="dScores">[B, H, T, T]; where it is exactly 0, q and k are not read.</param>
    /// <param name="dQkv">[B*T, 3C]</param>
    /// <param name="B">Rows of the batch.</param>
    /// <param name="T">Tokens per row, padding included.</param>
    /// <param name="H">Heads.</param>
    /// <param name="scale">The factor of the scores, as in the forward pass.</param>
    /// <exception cref="ArgumentException">A shape does not fit.</exception>
    public void AttentionScoresBackward(
        Tensor qkv, Tensor dScores, Tensor dQkv, int B, int T, int H, float scale)
    {
        int D = HeadSize(qkv, B, T, H);
        RequirePairs(dScores, B, T, H);
        Require(dQkv.Length == qkv.Length, $"{dQkv} must have the shape of {qkv}.");
        CountOp();
        if (qkv.Length == 0)
            return;
        if (Host)
            AttentionEagerHost.ScoresBackward(qkv.Pointer, dScores.Pointer, dQkv.Pointer, B, T, H, D, scale);
        else
            (_scoresBackward ??= Gpu.LoadStreamKernel<ArrayView<float>, ArrayView<float>,
                ArrayView<float>, int, int, int, float>(AttentionEagerKernels.ScoresBackward))(
                Elements(qkv.Length / 3), qkv.View, dScores.View, dQkv.View, T, H, D, scale);
    }

    static void RequirePairs(Tensor pairs, int B, int T, int H, [CallerMemberName] string op = "")
        => Require(pairs.Length == (long)B * H * T * T, $"{pairs} must have [{B}, {H}, {T}, {T}].", op);
}
