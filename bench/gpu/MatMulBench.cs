using System.Text.Json.Nodes;
using HeadTap.Runtime;

namespace HeadTap.Gpu;

/// <summary>The model's products beside cuBLAS, or beside PyTorch's where cuBLAS is not found.</summary>
static class MatMulBench
{
    static readonly (CuBlasMode Mode, string Torch)[] s_peers =
        [(CuBlasMode.Float32, "fp32"), (CuBlasMode.TF32, "tf32"), (CuBlasMode.BFloat16, "bf16")];

    internal static void Run(Bench bench)
    {
        foreach ((string use, char form, int M, int N, int K) in bench.Options.Small ? Small() : Shapes())
            if (bench.Wanted($"matmul {use}"))
                Run(bench, $"matmul {use}", form, M, N, K);
    }

    /// <summary>Use, form, rows of y, its columns, terms of a sum.</summary>
    internal static IEnumerable<(string, char, int, int, int)> Shapes()
    {
        const int rows = 1024;
        foreach ((int K, int N) in ((int, int)[])[(768, 2304), (768, 768), (768, 3072), (3072, 768)])
        {
            yield return ("forward", 'N', rows, N, K);
            yield return ("dX", 'T', rows, K, N);
            yield return ("dW", 'G', K, N, rows);
        }
        yield return ("vocabulary", 'T', rows, 50257, 768);
        yield return ("decode", 'N', 1, 2304, 768);
        yield return ("decode vocabulary", 'T', 1, 50257, 768);
        yield return ("square", 'N', 4096, 4096, 4096);
    }

    static IEnumerable<(string, char, int, int, int)> Small() =>
    [
        ("forward", 'N', 33, 70, 65), ("dX", 'T', 33, 65, 70), ("dW", 'G', 65, 70, 33),
        ("decode", 'N', 1, 70, 65),
    ];

    static void Run(Bench bench, string work, char form, int M, int N, int K)
    {
        string shape = $"{form} {M} x {N} x {K}";
        using var arena = new TensorArena(bench.Device, (long)M * K + (long)N * K + 2L * M * N + 512, work);
        Tensor x = Filled(arena, "x", 1, form == 'G' ? [K, M] : [M, K]);
        Tensor w = Filled(arena, "w", 2, form == 'T' ? [N, K] : [K, N]);
        Tensor y = arena.Cut("y", M, N), z = arena.Cut("z", M, N);
        var ops = new Ops(bench.Device);
        void Ours()
        {
            switch (form)
            {
                case 'T': ops.MatMulTransposed(x, w, y); break;
                case 'G': ops.MatMulWeightGradient(x, w, y); break;
                default: ops.MatMul(x, w, null, y); break;
            }
        }
        foreach ((CuBlasMode mode, string precision) in s_peers)
        {
            if (bench.CuBlas is not { } cuBlas)
            {
                bench.BesideTorch(work, shape, Ours, $"PyTorch {precision}", "matmul", new JsonObject
                {
                    ["form"] = $"{form}", ["m"] = M, ["n"] = N, ["k"] = K, ["precision"] = precision,
                });
                continue;
            }
            string ours = bench.Use(precision);
            if (mode == CuBlasMode.Float32)
            {
                // A weight gradient is added to: both start at zero here, whatever ran before.
                ops.Fill(y, 0f);
                ops.Fill(z, 0f);
                Ours();
                cuBlas.Product(form, M, N, K, x, w, z, mode);
                RequireEqual(y.ToArray(), z.ToArray(), K, $"{work} {shape}");
            }
            double teraflop = 2.0 * M * N * K / 1e9; // times a thousand: times are milliseconds
            Turns turns = Turns.Take(Turns.Ours(bench.Device, Ours), Turns.Ours(bench.Device,
                () => cuBlas.Product(form, M, N, K, x, w, z, mode)), bench.Options.Repeats);
            bench.Results.Add(work, shape, ours, $"cuBLAS {mode}", turns,
                note: $"{teraflop / turns.OursMs:G3} TFLOP/s beside {teraflop / turns.TheirsMs:G3}");
        }
    }

    static Tensor Filled(TensorArena arena, string name, int seed, params ReadOnlySpan<int> shape)
    {
        Tensor tensor = arena.Cut(name, shape);
        var random = new Random(seed);
        float[] values = new float[tensor.Length];
        for (int i = 0; i < values.Length; i++)
            values[i] = 2 * random.NextSingle() - 1;
        tensor.Upload(values);
        return tensor;
    }

    // Values of size one: a sum of K products is about the root of K, and each side rounds K times.
    static void RequireEqual(float[] ours, float[] theirs, int K, string what)
    {
        for (int i = 0; i < ours.Length; i++)
            if (!(Math.Abs(ours[i] - theirs[i]) <= 1e-4 * Math.Sqrt(K))) // this way round, NaN fails
                throw new InvalidOperationException(
                    $"{what}: [{i}] {ours[i]} beside cuBLAS' {theirs[i]}; nothing is timed.");
    }
}
