// What each head writes to the residual stream, and the sum of it.
//
//     result[r,h,:]  = z[r,h,:] W[hD..(h+1)D,:]              also dZ and dWeight: three forms, by strides
//     attnOut[r,:]   = sum_h result[r,h,:] + bias            heads in order
//
// The products of all heads are one launch: the head is the grid's third axis, and what a head's group does
// is the matrix product's own kernel, so that its bits are those of a product of that head alone.
//
//   result   [rows, H, C]
//   bias     [C]
//   attnOut  [rows, C]
//
// Host body: HeadResultsHost.cs.   Op: Ops.HeadResults.cs.   Oracle: tests/Reference/HeadResultsReference.cs.

using ILGPU;

namespace HeadTap.Kernels;

/// <summary>
/// Floats from one head's first element to the next head's, for each operand of the products.
/// </summary>
/// <param name="X">The step in the left operand.</param>
/// <param name="Weight">The step in the right operand.</param>
/// <param name="Y">The step in the result.</param>
public readonly record struct HeadSteps(long X, long Weight, long Y)
{
    /// <summary>Steps of <see cref="MatMulShape.HeadResults"/>: z, weight, result.</summary>
    public static HeadSteps Results(int C, int H) => new(C / H, (long)(C / H) * C, C);

    /// <summary>Steps of <see cref="MatMulShape.HeadResultsInput"/>: dResult, weight, dZ.</summary>
    public static HeadSteps Input(int C, int H) => new(C, (long)(C / H) * C, C / H);

    /// <summary>Steps of <see cref="MatMulShape.HeadResultsWeight"/>: z, dResult, dWeight.</summary>
    public static HeadSteps WeightGradient(int C, int H) => new(C / H, C, (long)(C / H) * C);
}

/// <summary>Products of all heads, and the sum of per-head results.</summary>
public static class HeadResultsKernels
{
    /// <summary>Threads per group of the portable products; those on tensor cores have fewer.</summary>
    public const int BlockSize = MatMulKernels.BlockSize;

    /// <summary>
    /// Writes y of every head, or adds into it: <see cref="MatMulKernels.Product"/>. Grid: its groups, 1, H.
    /// </summary>
    public static void Product(
        ArrayView<float> x, ArrayView<float> weight, ArrayView<float> y, MatMulShape s, HeadSteps steps)
    {
        ArrayView<float> to = OfHead(y, steps.Y);
        MatMulKernels.Product(OfHead(x, steps.X), OfHead(weight, steps.Weight), to, to, to, s, default);
    }

    /// <summary>The same bits by <see cref="MatMulLargeKernels.Product"/>.</summary>
    public static void ProductLarge(
        ArrayView<float> x, ArrayView<float> weight, ArrayView<float> y, MatMulShape s, HeadSteps steps,
        int xWide, int weightWide)
    {
        ArrayView<float> to = OfHead(y, steps.Y);
        MatMulLargeKernels.Product(
            OfHead(x, steps.X), OfHead(weight, steps.Weight), to, to, to, s, default, xWide, weightWide);
    }

    /// <summary>The same by <see cref="MatMulTensorKernels.Tf32"/>.</summary>
    public static void ProductTf32<TCores, TX, TWeight>(
        ArrayView<float> x, ArrayView<float> weight, ArrayView<float> y, MatMulShape s, HeadSteps steps,
        int xWide, int weightWide)
        where TCores : struct, ITensorCores
        where TX : struct, IOperandLayout
        where TWeight : struct, IOperandLayout
    {
        ArrayView<float> to = OfHead(y, steps.Y);
        MatMulTensorKernels.Tf32<TCores, TX, TWeight>(
            OfHead(x, steps.X), OfHead(weight, steps.Weight), to, to, to, s, default, xWide, weightWide);
    }

    /// <summary>The same by <see cref="MatMulTensorKernels.Bf16"/>.</summary>
    public static void ProductBf16<TCores, TX, TWeight>(
        ArrayView<float> x, ArrayView<float> weight, ArrayView<float> y, MatMulShape s, HeadSteps steps,
        int xWide, int weightWide)
        where TCores : struct, ITensorCores
        where TX : struct, IOperandLayout
        where TWeight : struct, IOperandLayout
    {
        ArrayView<float> to = OfHead(y, steps.Y);
        MatMulTensorKernels.Bf16<TCores, TX, TWeight>(
            OfHead(x, steps.X), OfHead(weight, steps.Weight), to, to, to, s, default, xWide, weightWide);
    }

    static ArrayView<float> OfHead(ArrayView<float> all, long step) => all.SubView(Grid.IdxZ * step);

    /// <summary>Writes attnOut. One thread per element of attnOut.</summary>
    public static void Sum(
        ArrayView<float> result, ArrayView<float> bias, ArrayView<float> attnOut, int H, int C)
    {
        for (long index = ElementLoop.First; index < attnOut.Length; index += ElementLoop.Step)
        {
            long row = index / C;
            int c = (int)(index - row * C);
            float sum = result[row * H * C + c];
            for (int h = 1; h < H; h++)
                sum += result[(row * H + h) * C + c];
            attnOut[index] = sum + bias[c];
        }
    }
}
