using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.Bench.BenchData;

namespace HeadTap.Bench;

/// <summary>
/// Every head's result, and the plain output projection it replaces, at GPT-2 124M's sizes.
/// </summary>
sealed class HeadResultsBench : IBenchFamily
{
    const int H = 12, D = 64, C = H * D;

    public string Name => "headresults";

    public IEnumerable<OpBench> Create(ComputeDevice device) => Rows(device, 256).Concat(Rows(device, 1024));

    static IEnumerable<OpBench> Rows(ComputeDevice device, int rows)
    {
        using var arena = new TensorArena(device, (3L + 2 * H) * rows * C + 2 * C * C + C + 512);
        var ops = new Ops(device);
        Tensor z = arena.CutNormal("z", 1, rows, C), weight = arena.CutNormal("weight", 2, C, C);
        Tensor bias = arena.CutNormal("bias", 3, C), dResult = arena.CutNormal("dResult", 4, rows, H, C);
        Tensor result = arena.Cut("result", rows, H, C), attnOut = arena.Cut("attnOut", rows, C);
        Tensor dZ = arena.Cut("dZ", rows, C), dWeight = arena.Cut("dWeight", C, C);
        double row = 4.0 * rows * C, square = 4.0 * C * C, flops = 2.0 * rows * C * C;

        double Check()
        {
            ops.HeadResults(z, weight, result, H);
            var few = new HeadResultsReference(4, H, D);
            double[] exact = few.Forward(Wide(z.SliceRows(0, 4).ToArray()), Wide(weight.ToArray()));
            return OpBench.Error(exact, result.Slice("few", 0, 4, H, C).ToArray());
        }
        void Both()
        {
            ops.HeadResults(z, weight, result, H);
            ops.HeadResultsSum(result, bias, attnOut);
        }
        string shape = $"{rows} x {H} x {C}";
        yield return new("headresults", shape, row * (1 + H) + square, flops,
            () => ops.HeadResults(z, weight, result, H), Check);
        yield return new("headresults sum", shape, row * (1 + H), 0,
            () => ops.HeadResultsSum(result, bias, attnOut));
        yield return new("headresults and sum", shape, row * (2 + 2 * H) + square, flops, Both);
        yield return new("headresults: projection", shape, 2 * row + square, flops,
            () => ops.MatMul(z, weight, bias, attnOut));
        yield return new("headresults backward", shape, row * (2 + 2 * H) + 3 * square, 2 * flops,
            () => ops.HeadResultsBackward(dResult, z, weight, dZ, dWeight, H));
    }
}
