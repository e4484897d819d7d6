using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.Bench.BenchData;

namespace HeadTap.Bench;

/// <summary>LayerNorm at GPT-2's width.</summary>
sealed class LayerNormBench : IBenchFamily
{
    const int Rows = 1024, C = 768;

    public string Name => "layernorm";

    public IEnumerable<OpBench> Create(ComputeDevice device)
    {
        using var arena = new TensorArena(device, 4L * Rows * C + 4 * C + 2 * Rows + 256);
        var ops = new Ops(device);
        Tensor x = arena.CutNormal("x", 1, Rows, C), dY = arena.CutNormal("dY", 2, Rows, C);
        Tensor weight = arena.CutNormal("weight", 3, C), bias = arena.CutNormal("bias", 4, C);
        Tensor y = arena.Cut("y", Rows, C), dX = arena.Cut("dX", Rows, C);
        Tensor dWeight = arena.Cut("dWeight", C), dBias = arena.Cut("dBias", C);
        Tensor mean = arena.Cut("mean", Rows), rstd = arena.Cut("rstd", Rows);
        double bytes = 4.0 * Rows * C;

        void Forward() => ops.LayerNorm(x, weight, bias, y, mean, rstd);
        void Backward() => ops.LayerNormBackward(x, weight, mean, rstd, dY, dX, dWeight, dBias);
        double Check()
        {
            Forward();
            var exact = LayerNormReference.Forward(
                Wide(x.ToArray()), Wide(weight.ToArray()), Wide(bias.ToArray()), Rows, 1e-5);
            return OpBench.Error(exact.Y, y.ToArray());
        }
        string shape = $"{Rows} x {C}";
        yield return new("layernorm forward", shape, 2 * bytes, 8.0 * Rows * C, Forward, Check);
        yield return new("layernorm backward", shape, 4 * bytes, 18.0 * Rows * C, Backward);
    }
}
