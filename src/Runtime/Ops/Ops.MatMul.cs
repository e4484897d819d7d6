using HeadTap.Kernels;
using ILGPU;
using ILGPU.Runtime;

namespace HeadTap.Runtime;

public sealed unsafe partial class Ops
{
    Action<KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>,
        MatMulShape, int>? _matMul;
    Action<Index1D, ArrayView<float>, ArrayView<float>, int, int>? _biasGradient;

    /// <summary>
    /// Writes <c>y = x @ weight + bias</c>; with <paramref name="accumulate"/> adds it into y.
    /// </summary>
    /// <param name="x">[..., K]</param>
    /// <param name="weight">[K, N]</param>
    /// <param name="bias">[N], or null for none.</param>
    /// <param name="y">[..., N], as many rows as x; not x or weight.</param>
    /// <param name="accumulate">Adds into y.</param>
    public void MatMul(Tensor x, Tensor weight, Tensor? bias, Tensor y, bool accumulate = false)
    {
        Require(weight.Shape.Length == 2 && weight.Shape[0] == x.Columns,
            $"{weight} must have as many rows as {x} has columns.");
        Require(y.Columns == weight.Columns && y.Rows == x.Rows,
            $"{y} must have the rows of {x} and the columns of {weight}.");
        Require(bias is null || bias.Length == weight.Columns, $"{bias} must match the columns of {weight}.");
        Product(x, weight, bias, y, MatMulShape.Plain(x.Rows, weight.Columns, x.Columns, accumulate));
    }

    /// <summary>
    /// Writes <c>y = x @ weight^T</c>, the tied head and <c>dX = dY @ W^T</c>; with
    /// <paramref name="accumulate"/> adds it into y.
    /// </summary>
    /// <param name="x">[..., K]</param>
    /// <param name="weight">[N, K]</param>
    /// <param name="y">[..., N], as many rows as x; not x or weight.</param>
    /// <param name="accumulate">Adds into y.</param>
    public void MatMulTransposed(Tensor x, Tensor weight, Tensor y, bool accumulate = false)
    {
        Require(weight.Shape.Length == 2 && weight.Columns == x.Columns,
            $"{weight} must have as many columns as {x}.");
        Require(y.Columns == weight.Shape[0] && y.Rows == x.Rows,
            $"{y} must have the rows of {x} and a column for each row of {weight}.");
        Product(x, weight, null, y, MatMulShape.Transposed(x.Rows, weight.Shape[0], x.Columns, accumulate));
    }

    /// <summary>Adds <c>x^T @ dY</c> into dWeight; the sum over rows is made in their order.</summary>
    /// <param name="x">[..., K]</param>
    /// <param name="dY">[..., N], as many rows as x.</param>
    /// <param name="dWeight">[K, N]</param>
    public void MatMulWeightGradient(Tensor x, Tensor dY, Tensor dWeight)
    {
        Require(dY.Rows == x.Rows, $"{dY} must have as many rows as {x}.");
        Require(dWeight.Shape.Length == 2 && dWeight.Shape[0] == x.Columns && dWeight.Columns == dY.Columns,
            $"{dWeight} must have a row for each column of {x} and the columns of {dY}.");
        Product(x, dY, null, dWeight, MatMulShape.WeightGradient(x.Rows, x.Columns, dY.Columns));
    }

    /// <summary>Adds the column sums of dY into dBias, rows in order.</summary>
    /// <param name="dY">[..., N]</param>
    /// <param name="dBias">[N]</param>
    public void BiasGradient(Tensor dY, Tensor dBias)
    {
        Require(dBias.Length == dY.Columns, $"{dBias} must match the columns of {dY}.");
        Begin();
        if (Host)
            MatMulHost.BiasGradient(dY.Pointer, dBias.Pointer, dY.Rows, dY.Columns);
        else if (dY.Length > 0)
            (_biasGradient ??= Gpu.LoadAutoGroupedStreamKernel<Index1D, ArrayView<float>, ArrayView<float>,
                int, int>(MatMulKernels.BiasGradient))(dY.Columns, dY.View, dBias.View, dY.Rows, dY.Columns);
    }

    /// <summary>Any form of the product; operands may be parts of tensors, begun by a slice.</summary>
    internal void Product(Tensor x, Tensor weight, Tensor? bias, Tensor y, in MatMulShape shape)
    {
        Begin();
        if (shape.M == 0 || shape.N == 0)
            return;
        if (Host)
            MatMulHost.Strided(x.Pointer, weight.Pointer, bias is null ? null : bias.Pointer,
                y.Pointer, shape);
        else if (Device.Precision != Precision.Fp32)
            ReducedProduct(x, weight, bias, y, shape);
        else
            (_matMul ??= Gpu.LoadStreamKernel<ArrayView<float>, ArrayView<float>, ArrayView<float>,
                ArrayView<float>, MatMulShape, int>(MatMulKernels.Product))(
                (MatMulKernels.Groups(shape.M, shape.N), MatMulKernels.BlockSize),
                x.View, weight.View, (bias ?? y).View, y.View, shape, bias is null ? 0 : 1);
    }
}
