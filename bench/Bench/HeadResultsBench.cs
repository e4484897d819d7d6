using HeadTap.Runtime;

namespace HeadTap.Bench;

/// <summary>
/// Every head's result and their sum, beside the plain output projection that they replace, at GPT-2 124M's
/// sizes.
/// </summary>
sealed class HeadResultsBench : IBenchFamily
{
    const int H = 12, D = 64, C = H * D;

    public string Name => "headresults";

    public IEnumerable<OpBench> Create(ComputeDevice device) => Rows(device, 256).Concat(Rows(device, 1024));

    static IEnumerable<OpBench> Rows(ComputeDevice device, int rows)
    {
        using var arena = new TensorArena(device, (2L + H) * rows * C + C * C + C + 512);
        var ops = new Ops(device);
        Tensor z = arena.CutNormal("z", 1, rows, C), weight = arena.CutNormal("weight", 2, C, C);
        Tensor bias = arena.CutNormal("bias", 3, C);
        Tensor result = arena.Cut("result", rows, H, C), attnOut = arena.Cut("attnOut", rows, C);
        double row = 4.0 * rows * C, square = 4.0 * C * C, flops = 2.0 * rows * C * C;

        void Both()
        {
            ops.HeadResults(z, weight, result, H);
            ops.HeadResultsSum(result, bias, attnOut);
        }
        string shape = $"{rows} x {H} x {C}";
        yield return new("headresults and sum", shape, row * (2 + 2 * H) + square, flops, Both);
        yield return new("headresults: projection", shape, 2 * row + square, flops,
            () => ops.MatMul(z, weight, bias, attnOut));
    }
}
