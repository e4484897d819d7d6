using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.Kernels.Tests.Numbers;

namespace HeadTap.Kernels.Tests;

/// <summary>Attention on tensor cores, whose fragments the simulator computes by shuffles.</summary>
public class AttentionTensorTests
{
    // One past the tile, a padding row, a head that fills no step; the simulator takes seconds for each tile.
    static readonly AttentionReference Shape = new(1, 66, 1, 12, [65], 0.29);

    [TestCase(Precision.Tf32), TestCase(Precision.Bf16)]
    public void Errs_at_most_twice_as_much_as_loops_over_rounded_operands(Precision precision)
    {
        float[] qkv = Normal(31, Shape.T * 3 * Shape.C);
        ComputeDevice device = TestDevice.Open("simulator");
        using var run = new AttentionRun(device, Shape, qkv);
        float[] z, lse, dQkv;
        device.Precision = precision;
        try
        {
            (z, lse) = run.Forward();
            dQkv = run.Backward();
        }
        finally
        {
            device.Precision = Precision.Fp32; // the device is shared
        }

        var exact = Shape.Forward(Wide(qkv));
        float[] Rounded(float[] values) => Array.ConvertAll(
            values, v => precision == Precision.Tf32 ? ReducedPrecision.Tf32(v) : ReducedPrecision.Bf16(v));
        float[] operands = Rounded(qkv);
        var plain = Shape.Forward(operands);
        Agreement.AtMostTwiceFloat32("z", exact.Z, Shape.Mix(Rounded(plain.Pattern), operands), z);
        Agreement.AtMostTwiceFloat32("logSumExp", exact.LogSumExp, plain.LogSumExp, lse);

        float[] plainGradient = new float[dQkv.Length];
        float[] dPattern = Shape.MixBackward(Rounded(plain.Pattern), operands, Rounded(run.DZ),
            plainGradient);
        Shape.ScoresBackward(operands, Rounded(Shape.SoftmaxBackward(plain.Pattern, dPattern)),
            plainGradient);
        double[] exactGradient = Shape.Backward(Wide(qkv), exact.Pattern, Wide(run.DZ));
        Agreement.AtMostTwiceFloat32("dQkv", exactGradient, plainGradient, dQkv);
    }
}
