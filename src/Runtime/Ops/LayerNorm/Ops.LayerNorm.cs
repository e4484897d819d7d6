using HeadTap.Kernels;
using ILGPU;
using ILGPU.Runtime;

namespace HeadTap.Runtime;

public sealed unsafe partial class Ops
{
    Action<KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>,
        ArrayView<float>, ArrayView<float>, ArrayView<float>, int, float>? _layerNorm;
    Action<KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>,
        ArrayView<float>, ArrayView<float>, int>? _layerNormBackwardInput;
    Action<KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>,
        ArrayView<float>, ArrayView<float>, int, int>? _layerNormBackwardParams;

    /// <summary>
    /// Writes <c>y = (x - mean) * rstd * weight + bias</c> for each row, with mean and rstd.
    /// </summary>
    /// <param name="x">[..., C]</param>
    /// <param name="weight">[C]</param>
    /// <param name="bias">[C]</param>
    /// <param name="y">[..., C]; may be <paramref name="x"/>.</param>
    /// <param name="mean">[rows]; kept for the backward pass.</param>
    /// <param name="rstd">[rows]; kept for the backward pass.</param>
    /// <param name="eps">Added to the variance; GPT-2's is 1e-5.</param>
    /// <exception cref="ArgumentException">A shape does not fit.</exception>
    public void LayerNorm(
        Tensor x, Tensor weight, Tensor bias, Tensor y, Tensor mean, Tensor rstd, float eps = 1e-5f)
    {
        Require(weight.Length == x.Columns && bias.Length == x.Columns,
            $"{weight} and {bias} must match the last axis of {x}.");
        Require(y.Length == x.Length, $"{y} must have the shape of {x}.");
        Require(mean.Length == x.Rows && rstd.Length == x.Rows, $"{mean} and {rstd} need {x.Rows} rows.");
        CountOp();
        if (Host)
            LayerNormHost.Forward(x.Pointer, weight.Pointer, bias.Pointer,
                y.Pointer, mean.Pointer, rstd.Pointer, x.Rows, x.Columns, eps);
        else
            (_layerNorm ??= Gpu.LoadStreamKernel<ArrayView<float>, ArrayView<float>, ArrayView<float>,
                ArrayView<float>, ArrayView<float>, ArrayView<float>, int, float>(LayerNormKernels.Forward))(
                (x.Rows, LayerNormKernels.BlockSize),
                x.View, weight.View, bias.View, y.View, mean.View, rstd.View, x.Columns, eps);
    }

    /// <summary>
    /// Adds the gradients of <see cref="LayerNorm"/> into dX and, where given, dWeight and dBias.
    /// </summary>
    /// <param name="x">[..., C], the forward pass' input.</param>
    /// <param name="weight">[C]</param>
    /// <param name="mean">[rows], from the forward pass.</param>
    /// <param name="rstd">[rows], from the forward pass.</param>
    /// <param name="dY">[..., C]</param>
    /// <param name="dX">[..., C]</param>
    /// <param name="dWeight">[C]; null with dBias when the parameters are frozen.</param>
    /// <param name="dBias">[C]</param>
    public void LayerNormBackward(
        Tensor x, Tensor weight, Tensor mean, Tensor rstd, Tensor dY,
        Tensor dX, Tensor? dWeight, Tensor? dBias)
    {
        Require(dY.Length == x.Length && dX.Length == x.Length, $"{dY} and {dX} must have the shape of {x}.");
        Require(mean.Length == x.Rows && rstd.Length == x.Rows, $"{mean} and {rstd} need {x.Rows} rows.");
        Require(dWeight is null == dBias is null, $"dWeight and dBias are given together or not at all.");
        CountOp();
        if (Host)
            LayerNormHost.BackwardInput(x.Pointer, weight.Pointer, mean.Pointer, rstd.Pointer,
                dY.Pointer, dX.Pointer, x.Rows, x.Columns);
        else
            (_layerNormBackwardInput ??= Gpu.LoadStreamKernel<ArrayView<float>, ArrayView<float>,
                ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, int>(
                LayerNormKernels.BackwardInput))((x.Rows, LayerNormKernels.BlockSize),
                x.View, weight.View, mean.View, rstd.View, dY.View, dX.View, x.Columns);
        if (dWeight is null || dBias is null)
            return;
        Require(dWeight.Length == x.Columns && dBias.Length == x.Columns,
            $"{dWeight} and {dBias} must match the last axis of {x}.");
        CountOp();
        if (Host)
            LayerNormHost.BackwardParams(x.Pointer, mean.Pointer, rstd.Pointer, dY.Pointer,
                dWeight.Pointer, dBias.Pointer, x.Rows, x.Columns);
        else
            (_layerNormBackwardParams ??= Gpu.LoadStreamKernel<ArrayView<float>,
                ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>,
                ArrayView<float>, int, int>(LayerNormKernels.BackwardParams))(Columns(x.Columns),
                x.View, mean.View, rstd.View, dY.View, dWeight.View, dBias.View, x.Rows, x.Columns);
    }
}
