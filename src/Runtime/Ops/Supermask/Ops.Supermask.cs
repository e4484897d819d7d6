using HeadTap.Kernels;
using ILGPU;
using ILGPU.Runtime;

namespace HeadTap.Runtime;

public sealed unsafe partial class Ops
{
    const int ScoresOfMaskGroup = 4096;

    Action<KernelConfig, ArrayView<float>, ArrayView<int>, int, int, int>? _supermaskDigits;
    Action<KernelConfig, ArrayView<float>, ArrayView<int>, ArrayView<float>, int>? _supermask;
    Action<KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>,
        ArrayView<float>>? _supermaskGradient;

    /// <summary>
    /// Writes 0 into mask for the <paramref name="count"/> elements of lowest |score| and 1 for the others:
    /// the supermask of Ramanujan et al. 2020. Exactly that many are 0: of equal magnitudes (-0 equals 0) the
    /// lower index is the lower one, and NaN, of any kind, is larger than infinity.
    /// </summary>
    /// <param name="scores">[n], of any shape; at most 2^31 - 1 elements.</param>
    /// <param name="mask">[n]; not <paramref name="scores"/>.</param>
    /// <param name="count">How many become 0: 0 to n.</param>
    /// <exception cref="ArgumentException">The lengths differ, or count is not in 0 to n.</exception>
    public void Supermask(Tensor scores, Tensor mask, long count)
    {
        Require(mask.Length == scores.Length, $"{mask} must have the length of {scores}.");
        Require(scores.Length <= int.MaxValue, $"{scores} has more elements than an index can count.");
        Require(count >= 0 && count <= scores.Length,
            $"count {count} must be 0 to the {scores.Length} elements of {scores}.");
        if (!CountOp(scores.Length))
            return;
        if (Host)
            SupermaskHost.Mask(scores.Pointer, mask.Pointer, scores.Length, count);
        else if (count == 0 || count == scores.Length)
            Fill(mask, count == 0 ? 1f : 0f);
        else
            LaunchSupermask(scores, mask, (int)count);
    }

    void LaunchSupermask(Tensor scores, Tensor mask, int count)
    {
        int n = (int)scores.Length, passes = SupermaskKernels.Passes(n);
        KernelConfig groups = (Math.Min((n - 1) / ScoresOfMaskGroup + 1, SupermaskKernels.MostGroups),
            SupermaskKernels.BlockSize);
        ArrayView<int> work = Device.PartialSums.Cast<int>()
            .SubView(0, SupermaskKernels.WorkLength(passes, groups.GridDim.X));
        _supermaskDigits ??= Gpu.LoadStreamKernel<ArrayView<float>, ArrayView<int>, int, int, int>(
            SupermaskKernels.Digits);
        for (int pass = 0; pass < passes; pass++)
            _supermaskDigits(groups, scores.View, work, pass, passes, count - 1);
        (_supermask ??= Gpu.LoadStreamKernel<ArrayView<float>, ArrayView<int>, ArrayView<float>, int>(
            SupermaskKernels.Mask))(groups, scores.View, work, mask.View, passes);
    }

    /// <summary>
    /// Writes <c>dScores = dWeight * weight * sign(scores)</c>, sign(0) = 0: the gradient of |score| through
    /// a mask that is taken for the identity, times d|s|/ds.
    /// </summary>
    /// <param name="dWeight">[n], dL/d(weight * mask).</param>
    /// <param name="weight">[n], not masked.</param>
    /// <param name="scores">[n]; where one is 0 or NaN, dScores is 0.</param>
    /// <param name="dScores">[n]; may be <paramref name="dWeight"/>.</param>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public void SupermaskGradient(Tensor dWeight, Tensor weight, Tensor scores, Tensor dScores)
    {
        Require(weight.Length == dWeight.Length && scores.Length == dWeight.Length
            && dScores.Length == dWeight.Length,
            $"{weight}, {scores} and {dScores} must have the length of {dWeight}.");
        if (!CountOp(dScores.Length))
            return;
        if (Host)
            SupermaskHost.Gradient(
                dWeight.Pointer, weight.Pointer, scores.Pointer, dScores.Pointer, dScores.Length);
        else
            (_supermaskGradient ??= Gpu.LoadStreamKernel<ArrayView<float>, ArrayView<float>,
                ArrayView<float>, ArrayView<float>>(SupermaskKernels.Gradient))(Elements(dScores.Length),
                dWeight.View, weight.View, scores.View, dScores.View);
    }
}
