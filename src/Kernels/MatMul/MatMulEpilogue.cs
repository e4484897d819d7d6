using ILGPU;

namespace HeadTap.Kernels;

/// <summary>
/// What a product does with each sum before it is stored: adds what y held
/// (<see cref="MatMulShape.Accumulate"/>), the bias of the column, applies the nonlinearity, adds the
/// residual: the bits of the separate ops in that order.
/// </summary>
/// <param name="HasBias">1 to add the bias.</param>
/// <param name="Activation"><see cref="None"/>, <see cref="GeluTanh"/>, <see cref="GeluExact"/> or
/// <see cref="Relu"/>.</param>
/// <param name="HasResidual">1 to add the residual, which has the layout of y.</param>
public readonly record struct MatMulEpilogue(int HasBias, int Activation, int HasResidual)
{
    /// <summary>Leaves the sum.</summary>
    public const int None = 0;

    /// <summary>x / (1 + e^(-2u)), as <see cref="ActivationKernels.GeluTanh"/>.</summary>
    public const int GeluTanh = 1;

    /// <summary>x Phi(x), as <see cref="ActivationKernels.GeluExact"/>.</summary>
    public const int GeluExact = 2;

    /// <summary>max(x, 0), as <see cref="ActivationKernels.Relu"/>.</summary>
    public const int Relu = 3;

    /// <summary>Stores one sum at (row, column), unless that is outside y.</summary>
    internal void Store(
        ArrayView<float> bias, ArrayView<float> residual, ArrayView<float> y, in MatMulShape s,
        int row, int column, float sum)
    {
        if (row >= s.M || column >= s.N)
            return;
        long at = row * s.YRow + column;
        if (s.Accumulate != 0)
            sum = y[at] + sum;
        if (HasBias != 0)
            sum += bias[column];
        if (Activation != None)
            sum = Activated(sum);
        if (HasResidual != 0)
            sum = residual[at] + sum;
        y[at] = sum;
    }

    float Activated(float x) => Activation == GeluTanh ? DeviceMath.GeluTanh(x)
        : Activation == GeluExact ? x * DeviceMath.NormalBelow(x, DeviceMath.Exp(-0.5f * x * x))
        : x < 0f ? 0f : x;
}
