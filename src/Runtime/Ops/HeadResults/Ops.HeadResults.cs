using System.Runtime.CompilerServices;
using HeadTap.Kernels;
using ILGPU;
using ILGPU.Runtime;

namespace HeadTap.Runtime;

public sealed unsafe partial class Ops
{
    Action<KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, int, int>? _headResultsSum;

    /// <summary>
    /// Writes <c>result[r,h,:] = z[r,h,:] @ weight[h*D..(h+1)*D, :]</c>: what each head adds to the residual
    /// stream, bias apart.
    /// </summary>
    /// <param name="z">[rows, C]</param>
    /// <param name="weight">[C, C]: attn.c_proj.weight, inputs first.</param>
    /// <param name="result">[rows, H, C]</param>
    /// <param name="H">Heads.</param>
    /// <exception cref="ArgumentException">A shape does not fit.</exception>
    public void HeadResults(Tensor z, Tensor weight, Tensor result, int H)
    {
        int C = RequireHeads(z, weight, H);
        Require(result.Length == z.Length * H, $"{result} must have [{z.Rows}, {H}, {C}].");
        HeadProducts(z, weight, result,
            MatMulShape.HeadResults(z.Rows, C, H), HeadSteps.Results(C, H), H);
    }

    /// <summary>
    /// Writes one head's <c>result[r,:] = z[r,hD..(h+1)D] @ weight[hD..(h+1)D, :]</c>: on the host the bits
    /// of <see cref="HeadResults"/>.
    /// </summary>
    /// <param name="z">[rows, C]</param>
    /// <param name="weight">[C, C]: attn.c_proj.weight, inputs first.</param>
    /// <param name="result">[rows, C]</param>
    /// <param name="H">Heads.</param>
    /// <param name="head">The head, 0 to H - 1.</param>
    /// <exception cref="ArgumentException">A shape does not fit.</exception>
    public void HeadResult(Tensor z, Tensor weight, Tensor result, int H, int head)
    {
        int C = RequireHeads(z, weight, H), D = C / H;
        Require(result.Length == z.Length, $"{result} must have the shape of {z}.");
        Require(head >= 0 && head < H, $"head {head} must be one of {H}.");
        if (z.Length > 0)
            Product(From(z, head * D), From(weight, (long)head * D * C), null, result,
                MatMulShape.HeadResult(z.Rows, C, H));
    }

    /// <summary>Writes <c>attnOut[r,:] = sum_h result[r,h,:] + bias</c>, heads in order.</summary>
    /// <param name="result">[rows, H, C]</param>
    /// <param name="bias">[C]: attn.c_proj.bias.</param>
    /// <param name="attnOut">[rows, C]</param>
    /// <exception cref="ArgumentException">A shape does not fit.</exception>
    public void HeadResultsSum(Tensor result, Tensor bias, Tensor attnOut)
    {
        int C = attnOut.Columns;
        Require(bias.Length == C && result.Columns == C,
            $"{result} and {bias} must match the last axis of {attnOut}.");
        Require(attnOut.Length > 0 ? result.Length % attnOut.Length == 0
            && result.Length > 0 : result.Length == 0,
            $"{result} must hold whole heads of {attnOut}.");
        CountOp();
        if (attnOut.Length == 0)
            return;
        int H = checked((int)(result.Length / attnOut.Length));
        if (Host)
            HeadResultsHost.Sum(result.Pointer, bias.Pointer, attnOut.Pointer, attnOut.Rows, H, C);
        else
            (_headResultsSum ??= Gpu.LoadStreamKernel<ArrayView<float>, ArrayView<float>,
                ArrayView<float>, int, int>(HeadResultsKernels.Sum))(
                Elements(attnOut.Length), result.View, bias.View, attnOut.View, H, C);
    }

    /// <summary>
    /// Writes dZ and adds into dWeight, where given: the gradients of <see cref="HeadResults"/>.
    /// </summary>
    /// <param name="dResult">[rows, H, C]</param>
    /// <param name="z">[rows, C], the forward pass' input.</param>
    /// <param name="weight">[C, C]</param>
    /// <param name="dZ">[rows, C]</param>
    /// <param name="dWeight">[C, C]; null when the weight is frozen.</param>
    /// <param name="H">Heads.</param>
    /// <exception cref="ArgumentException">A shape does not fit.</exception>
    public void HeadResultsBackward(
        Tensor dResult, Tensor z, Tensor weight, Tensor dZ, Tensor? dWeight, int H)
    {
        int C = RequireHeads(z, weight, H);
        Require(dResult.Length == z.Length * H, $"{dResult} must have [{z.Rows}, {H}, {C}].");
        Require(dZ.Length == z.Length, $"{dZ} must have the shape of {z}.");
        Require(dWeight is null || dWeight.Length == weight.Length,
            $"{dWeight} must have the shape of {weight}.");
        HeadResultsTransposed(dResult, weight, dZ, H);
        if (dWeight is not null)
            HeadProducts(z, dResult, dWeight,
                MatMulShape.HeadResultsWeight(z.Rows, C, H), HeadSteps.WeightGradient(C, H), H);
    }

    /// <summary>
    /// Writes <c>y[r, hD..(h+1)D] = x[r,h,:] @ weight[hD..(h+1)D, :]^T</c>: the gradient by z of
    /// <see cref="HeadResults"/>, and any other map of vectors [C] a head to the head's D numbers.
    /// </summary>
    /// <param name="x">[rows, H, C]</param>
    /// <param name="weight">[C, C]: attn.c_proj.weight, inputs first.</param>
    /// <param name="y">[rows, C]</param>
    /// <param name="H">Heads.</param>
    /// <exception cref="ArgumentException">A shape does not fit.</exception>
    public void HeadResultsTransposed(Tensor x, Tensor weight, Tensor y, int H)
    {
        int C = RequireHeads(y, weight, H);
        Require(x.Length == y.Length * H, $"{x} must have [{y.Rows}, {H}, {C}].");
        HeadProducts(x, weight, y, MatMulShape.HeadResultsInput(y.Rows, C, H), HeadSteps.Input(C, H), H);
    }

    static int RequireHeads(Tensor z, Tensor weight, int H, [CallerMemberName] string op = "")
    {
        int C = z.Columns;
        Require(H > 0 && C % H == 0, $"the last axis of {z} must be a multiple of {H} heads.", op);
        Require(weight.Length == (long)C * C, $"{weight} must have [{C}, {C}].", op);
        return C;
    }
}
