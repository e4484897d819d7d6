using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.Bench.BenchData;

namespace HeadTap.Bench;

/// <summary>The matrix product in its three forms, at the shapes of GPT-2 124M and of small models.</summary>
sealed class MatMulBench : IBenchFamily
{
    static readonly (int Rows, int K, int N)[] Shapes =
        [(1024, 768, 2304), (1024, 3072, 768), (256, 768, 3072), (256, 128, 512),
            (8, 768, 2304), (1, 768, 2304)];

    public string Name => "matmul";

    public IEnumerable<OpBench> Create(ComputeDevice device)
    {
        foreach ((int rows, int K, int N) in Shapes)
        {
            long x = (long)rows * K, w = (long)K * N, y = (long)rows * N;
            using var arena = new TensorArena(device, 2 * x + 2 * w + 2 * y + 2L * N + 256);
            var ops = new Ops(device);
            Tensor xs = arena.CutNormal("x", 1, rows, K), weight = arena.CutNormal("weight", 2, K, N);
            Tensor bias = arena.CutNormal("bias", 3, N), dY = arena.CutNormal("dY", 4, rows, N);
            Tensor ys = arena.Cut("y", rows, N), dX = arena.Cut("dX", rows, K);
            Tensor dWeight = arena.Cut("dWeight", K, N), dBias = arena.Cut("dBias", N);
            double bytes = 4.0 * (x + w + y), flops = 2.0 * rows * K * N;

            void Forward() => ops.MatMul(xs, weight, bias, ys);
            double Check()
            {
                Forward();
                int some = Math.Min(rows, 4);
                double[] exact = MatMulReference.MatMul(Wide(xs.SliceRows(0, some).ToArray()),
                    Wide(weight.ToArray()), Wide(bias.ToArray()), some, K, N);
                return OpBench.Error(exact, ys.SliceRows(0, some).ToArray());
            }
            string shape = $"{rows} x {K} x {N}";
            yield return new("matmul forward", shape, bytes, flops, Forward, Check);
            yield return new("matmul and add", shape, bytes + 4.0 * y, flops,
                () => ops.MatMulAdd(xs, weight, bias, dY, ys));
            yield return new("matmul and activate", shape, bytes, flops,
                () => ops.MatMulActivate(xs, weight, bias, ys, Activation.GeluTanh));
            yield return new("matmul input gradient", shape, bytes, flops,
                () => ops.MatMulTransposed(dY, weight, dX));
            yield return new("matmul weight gradient", shape, bytes + 4.0 * w, flops,
                () => ops.MatMulWeightGradient(xs, dY, dWeight));
            yield return new("matmul bias gradient", shape, 4.0 * y, y, () => ops.BiasGradient(dY, dBias));
        }
    }
}
