using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.Kernels.Tests.Numbers;

namespace HeadTap.Kernels.Tests;

/// <summary>Attention on tensor cores.</summary>
public class AttentionTensorTests
{
    // One past the tile, a padding row, a head that fills no step; heads and rows of unequal length in one
    // batch; heads of more than one step; two halves of columns, of unequal size, with several tiles of rows,
    // and the widest.
    static readonly AttentionReference OnePast = new(1, 66, 1, 12, [65], 0.29),
        Several = new(2, 9, 2, 20, [9, 4], 0.16), Steps = new(2, 9, 3, 40, [9, 4], 0.16),
        Halves = new(1, 18, 1, 97, [18], 0.1), LongHalves = new(1, 66, 1, 97, [66], 0.1),
        Widest = new(1, 21, 1, 128, [19], 0.09);

    static IEnumerable<TestCaseData> Cases() =>
        from device in TestDevice.TensorCores
        from run in ((AttentionReference Shape, Precision Precision)[])
        [
            (OnePast, Precision.Tf32), (Several, Precision.Bf16), (Steps, Precision.Tf32),
            (Halves, Precision.Tf32), (LongHalves, Precision.Bf16), (Widest, Precision.Bf16),
        ]
        select new TestCaseData(device, run.Shape, run.Precision).SetArgDisplayNames(
            device, $"B{run.Shape.B}T{run.Shape.T}H{run.Shape.H}D{run.Shape.D}", run.Precision.ToString());

    [TestCaseSource(nameof(Cases))]
    public void Errs_at_most_twice_as_much_as_loops_over_rounded_operands(
        string name, AttentionReference shape, Precision precision)
    {
        float[] qkv = Normal(31, shape.B * shape.T * 3 * shape.C);
        using var run = new AttentionRun(TestDevice.Open(name), shape, qkv);
        float[] z, lse, dQkv;
        ComputeDevice device = TensorCoreDevice.Open(name, precision);
        try
        {
            dQkv = run.Backward();
            (z, lse) = run.Outputs();
        }
        finally
        {
            device.Precision = Precision.Fp32; // the device is shared
        }

        var exact = shape.Forward(Wide(qkv));
        float[] Rounded(float[] values) => Array.ConvertAll(
            values, v => precision == Precision.Tf32 ? ReducedPrecision.Tf32(v) : ReducedPrecision.Bf16(v));
        float[] operands = Rounded(qkv);
        var plain = shape.Forward(operands);
        Agreement.AtMostTwiceFloat32("z", exact.Z, shape.Mix(Rounded(plain.Pattern), operands), z);
        Agreement.AtMostTwiceFloat32("logSumExp", exact.LogSumExp, plain.LogSumExp, lse);

        float[] plainGradient = new float[dQkv.Length];
        float[] dPattern = shape.MixBackward(Rounded(plain.Pattern), operands, Rounded(run.DZ),
            plainGradient);
        shape.ScoresBackward(operands, Rounded(shape.SoftmaxBackward(plain.Pattern, dPattern)),
            plainGradient);
        double[] exactGradient = shape.Backward(Wide(qkv), exact.Pattern, Wide(run.DZ));
        Agreement.AtMostTwiceFloat32("dQkv", exactGradient, plainGradient, dQkv);
    }
}
