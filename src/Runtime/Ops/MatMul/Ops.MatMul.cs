using System.Runtime.CompilerServices;
using HeadTap.Kernels;
using ILGPU;
using ILGPU.Runtime;

namespace HeadTap.Runtime;

public sealed unsafe partial class Ops
{
    Action<KernelConfig, ArrayView<float>, ArrayView<float>, int, int>? _biasGradient;

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
        RequireProduct(x, weight, bias, y);
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
        RequireTransposed(x, weight, y);
        Product(x, weight, null, y, MatMulShape.Transposed(x.Rows, weight.Shape[0], x.Columns, accumulate));
    }

    /// <summary>
    /// Adds <c>x^T @ dY</c> into dWeight, or writes it; the sum over rows is made in their order.
    /// </summary>
    /// <param name="x">[..., K]</param>
    /// <param name="dY">[..., N], as many rows as x.</param>
    /// <param name="dWeight">[K, N]</param>
    /// <param name="accumulate">False writes, for a gradient that is used at once.</param>
    public void MatMulWeightGradient(Tensor x, Tensor dY, Tensor dWeight, bool accumulate = true)
    {
        Require(dY.Rows == x.Rows, $"{dY} must have as many rows as {x}.");
        Require(dWeight.Shape.Length == 2 && dWeight.Shape[0] == x.Columns && dWeight.Columns == dY.Columns,
            $"{dWeight} must have a row for each column of {x} and the columns of {dY}.");
        Product(x, dY, null, dWeight, MatMulShape.WeightGradient(x.Rows, x.Columns, dY.Columns) with
        {
            Accumulate = accumulate ? 1 : 0,
        });
    }

    /// <summary>Adds the column sums of dY into dBias.</summary>
    /// <param name="dY">[..., N]</param>
    /// <param name="dBias">[N]</param>
    public void BiasGradient(Tensor dY, Tensor dBias)
    {
        Require(dBias.Length == dY.Columns, $"{dBias} must match the columns of {dY}.");
        CountOp();
        if (Host)
            MatMulHost.BiasGradient(dY.Pointer, dBias.Pointer, dY.Rows, dY.Columns);
        else if (dY.Length > 0)
            (_biasGradient ??= Gpu.LoadStreamKernel<ArrayView<float>, ArrayView<float>,
                int, int>(MatMulKernels.BiasGradient))(
                Columns(dY.Columns), dY.View, dBias.View, dY.Rows, dY.Columns);
    }

    /// <summary>
    /// Writes <c>y = residual + (x @ weight + bias)</c>: the bits of <see cref="MatMul"/> and
    /// <see cref="Add"/>, in one pass over y; on ILGPU devices y may be the residual.
    /// </summary>
    /// <param name="x">[..., K]</param>
    /// <param name="weight">[K, N]</param>
    /// <param name="bias">[N]</param>
    /// <param name="residual">[..., N], as many rows as x.</param>
    /// <param name="y">[..., N]; not x or weight, and on the host not the residual.</param>
    public void MatMulAdd(Tensor x, Tensor weight, Tensor bias, Tensor residual, Tensor y)
    {
        Require(residual.Length == y.Length, $"{residual} must have the length of {y}.");
        RequireProduct(x, weight, bias, y);
        var shape = MatMulShape.Plain(x.Rows, weight.Columns, x.Columns, false);
        Product(x, weight, bias, residual, y, shape);
    }

    /// <summary>
    /// Writes <c>y = f(x @ weight + bias)</c>: the bits of <see cref="MatMul"/> and <see cref="Activate"/>.
    /// In one pass; the input of f is not stored.
    /// </summary>
    /// <param name="x">[..., K]</param>
    /// <param name="weight">[K, N]</param>
    /// <param name="bias">[N]</param>
    /// <param name="y">[..., N], as many rows as x; not x or weight.</param>
    /// <param name="kind">f</param>
    public void MatMulActivate(Tensor x, Tensor weight, Tensor bias, Tensor y, Activation kind)
    {
        RequireProduct(x, weight, bias, y);
        var shape = MatMulShape.Plain(x.Rows, weight.Columns, x.Columns, false);
        Product(x, weight, bias, null, y, shape, kind);
    }

    /// <summary>
    /// Writes <c>dX = (dY @ weight^T) * f'(x)</c>, the gradient through a layer and the nonlinearity before
    /// it: the bits of <see cref="MatMulTransposed"/> and <see cref="ActivateBackward"/>. On the host in one
    /// pass over dX.
    /// </summary>
    /// <param name="dY">[..., K]</param>
    /// <param name="weight">[N, K]</param>
    /// <param name="x">[..., N]: the input of f, as many rows as dY.</param>
    /// <param name="dX">[..., N]; not dY or weight.</param>
    /// <param name="kind">f</param>
    public void MatMulTransposedActivateBackward(
        Tensor dY, Tensor weight, Tensor x, Tensor dX, Activation kind)
    {
        Require(x.Length == dX.Length, $"{x} must have the length of {dX}.");
        if (!Host)
        {
            MatMulTransposed(dY, weight, dX);
            ActivateBackward(x, dX, dX, kind);
            return;
        }
        RequireTransposed(dY, weight, dX);
        CountOp();
        if (dX.Length == 0)
            return;
        MatMulHost.ActivationGradient(dY.Pointer, weight.Pointer, x.Pointer, dX.Pointer,
            MatMulShape.Transposed(dY.Rows, weight.Shape[0], dY.Columns, false), EpilogueOf(kind));
    }

    /// <summary>
    /// Writes any form of the product, or adds it into y; an operand that is part of a tensor is a slice that
    /// begins at its first element.
    /// </summary>
    internal void Product(Tensor x, Tensor weight, Tensor? bias, Tensor y, in MatMulShape shape)
        => Product(x, weight, bias, null, y, shape);

    void Product(
        Tensor x, Tensor weight, Tensor? bias, Tensor? residual, Tensor y, in MatMulShape shape,
        Activation? activation = null)
    {
        CountOp();
        if (shape.M == 0 || shape.N == 0)
            return;
        int f = activation is { } kind ? EpilogueOf(kind) : MatMulEpilogue.None;
        if (!Host)
        {
            Launch(x, weight, bias, residual, y, shape, f);
            return;
        }
        float* biases = bias is null ? null : bias.Pointer;
        if (activation is not null)
            MatMulHost.ProductActivate(x.Pointer, weight.Pointer, biases, y.Pointer, shape, f);
        else if (residual is not null)
            MatMulHost.ProductAdd(
                x.Pointer, weight.Pointer, biases, residual.Pointer, y.Pointer, shape);
        else
            MatMulHost.Product(x.Pointer, weight.Pointer, biases, y.Pointer, shape);
    }

    static int EpilogueOf(Activation kind) => kind switch
    {
        Activation.GeluTanh => MatMulEpilogue.GeluTanh,
        Activation.GeluExact => MatMulEpilogue.GeluExact,
        _ => MatMulEpilogue.Relu,
    };

    static void RequireTransposed(Tensor x, Tensor weight, Tensor y, [CallerMemberName] string op = "")
    {
        Require(weight.Shape.Length == 2 && weight.Columns == x.Columns,
            $"{weight} must have as many columns as {x}.", op);
        Require(y.Columns == weight.Shape[0] && y.Rows == x.Rows,
            $"{y} must have the rows of {x} and a column for each row of {weight}.", op);
    }

    static void RequireProduct(
        Tensor x, Tensor weight, Tensor? bias, Tensor y, [CallerMemberName] string op = "")
    {
        Require(weight.Shape.Length == 2 && weight.Shape[0] == x.Columns,
            $"{weight} must have as many rows as {x} has columns.", op);
        Require(y.Columns == weight.Columns && y.Rows == x.Rows,
            $"{y} must have the rows of {x} and the columns of {weight}.", op);
        Require(bias is null || bias.Length == weight.Columns,
            $"{bias} must match the columns of {weight}.", op);
    }
}
