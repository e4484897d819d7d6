using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using HeadTap.Kernels;

namespace HeadTap.Bench;

/// <summary>
/// The host's matrix product beside OpenBLAS in one process: the two take turns, and the ratio is the median
/// of the turns' ratios, so what else the machine does falls on both.
/// </summary>
static unsafe partial class OpenBlas
{
    const string Library = "libopenblas.so.0";
    const double TurnMs = 4;
    // OpenBLAS's workers spin for 2^28 cycles after a product, 75 ms, before they sleep. Without the pause
    // our two threads shared what core they left: half the speed in every other run, and a peak of 47
    // GFLOP/s, not 236.
    const int PauseMs = 120, WarmMs = 25;

    // M, N, K; T: the second operand is transposed; G: the first is, and the result is added to.
    static readonly (string Use, char Form, int M, int N, int K)[] Shapes =
    [
        ("square", 'N', 1024, 1024, 1024),
        .. Layers(256), .. Layers(1024),
        ("vocabulary", 'T', 1024, 50257, 768), ("vocabulary", 'T', 32, 50257, 768),
        ("lens", 'N', 32, 50257, 768), ("lens dW", 'G', 768, 50257, 32),
        ("small model", 'N', 256, 128, 128), ("small model", 'N', 256, 512, 128),
        ("small model", 'N', 2048, 768, 256),
        ("small dX", 'T', 2048, 256, 768), ("small dW", 'G', 128, 512, 2048),
        ("small dW", 'G', 256, 768, 2048),
        ("decode", 'N', 1, 2304, 768), ("decode", 'N', 8, 2304, 768), ("decode", 'N', 1, 768, 3072),
        ("decode", 'T', 1, 50257, 768), ("decode", 'T', 8, 50257, 768),
    ];

    static IEnumerable<(string Use, char Form, int M, int N, int K)> Layers(int rows)
    {
        foreach ((int K, int N) in ((int, int)[])[(768, 2304), (768, 768), (768, 3072), (3072, 768)])
        {
            yield return ("forward", 'N', rows, N, K);
            yield return ("dX", 'T', rows, K, N);
            yield return ("dW", 'G', K, N, rows);
        }
    }

    /// <summary>Prints the table for shapes whose use contains <paramref name="filter"/>.</summary>
    internal static int Run(string filter, int repeats)
    {
        if (!NativeLibrary.TryLoad(Library, out _))
        {
            Console.Error.WriteLine($"{Library} is missing; on Debian: apt-get install libopenblas0-pthread");
            return 2;
        }
        SetThreads(HostThreads.Count);
        double peak = Peak();
        Console.WriteLine($"{HostThreads.Count} threads, vectors of {HostSimd.Width} bits; "
            + $"multiply-add peak {peak:F0} GFLOP/s; median of {repeats} turns");
        Console.WriteLine($"{"use",-12} {"form",4} {"M",5} {"N",6} {"K",5} {"ours",7} {"OpenBLAS",9} "
            + $"{"ratio",6} {"of peak",8}");
        double logs = 0;
        int count = 0;
        foreach ((string use, char form, int M, int N, int K) in Shapes.Where(s => s.Use.Contains(filter)))
        {
            (double ours, double theirs, double ratio) = Compare(form, M, N, K, repeats);
            Console.WriteLine($"{use,-12} {form,4} {M,5} {N,6} {K,5} {ours,7:F1} {theirs,9:F1} {ratio,6:F2} "
                + $"{ours / peak,8:P0}");
            logs += Math.Log(ratio);
            count++;
        }
        Console.WriteLine($"geometric mean of the ratios {Math.Exp(logs / Math.Max(1, count)):F3}");
        return 0;
    }

    static (double Ours, double Theirs, double Ratio) Compare(char form, int M, int N, int K, int repeats)
    {
        // Decoding streams weights that no cache holds: enough copies that each turn finds them in memory.
        int copies = M <= 8 ? (int)Math.Max(1, 200_000_000 / (4L * N * K)) : 1;
        float* x = Fill((long)M * K, 1), w = Fill((long)N * K * copies, 2), a = Fill((long)M * N, 3),
            b = Fill((long)M * N, 3);
        MatMulShape shape = form switch
        {
            'T' => MatMulShape.Transposed(M, N, K, false),
            'G' => MatMulShape.WeightGradient(K, M, N),
            _ => MatMulShape.Plain(M, N, K, false),
        };
        int turn = 0;
        float* Weight() => w + turn++ % copies * (long)N * K;
        void Ours() => MatMulHost.Product(x, Weight(), null, a, shape);
        void Theirs() => Gemm(101, form == 'G' ? 112 : 111, form == 'T' ? 112 : 111, M, N, K, 1f, x,
            form == 'G' ? M : K, Weight(), form == 'T' ? K : N, form == 'G' ? 1f : 0f, b, N);
        Ours();
        turn = 0;
        Theirs();
        for (long i = 0; i < (long)M * N; i += 997)
            if (!(Math.Abs(a[i] - b[i]) <= 1e-4 * Math.Sqrt(K) * (1 + Math.Abs(b[i])))) // so that NaN fails
                throw new InvalidOperationException($"{form} {M} x {N} x {K}: [{i}] {a[i]} against {b[i]}");
        int runs = (int)Math.Max(1, TurnMs / TimeInQuiet(Ours, 1));
        double[] ours = new double[repeats], theirs = new double[repeats], ratios = new double[repeats];
        for (int r = 0; r < repeats; r++)
        {
            ours[r] = TimeInQuiet(Ours, runs);
            theirs[r] = TimeInQuiet(Theirs, runs);
            ratios[r] = theirs[r] / ours[r];
        }
        foreach (float* block in (float*[])[x, w, a, b])
            NativeMemory.AlignedFree(block);
        foreach (double[] values in (double[][])[ours, theirs, ratios])
            Array.Sort(values);
        double flops = 2.0 * M * N * K / 1e6;
        return (flops / ours[repeats / 2], flops / theirs[repeats / 2], ratios[repeats / 2]);
    }

    static double TimeInQuiet(Action run, int runs)
    {
        Thread.Sleep(PauseMs);
        // Threads that were asleep wake on one core and are moved apart some milliseconds later.
        for (long start = Stopwatch.GetTimestamp();
            Stopwatch.GetElapsedTime(start).TotalMilliseconds < WarmMs;)
            run();
        return Time(run, runs);
    }

    static double Time(Action run, int runs)
    {
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < runs; i++)
            run();
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds / runs;
    }

    static float* Fill(long count, int seed)
    {
        float* block = (float*)NativeMemory.AlignedAlloc((nuint)(count * sizeof(float)), 64);
        var random = new Random(seed);
        for (long i = 0; i < count; i++)
            block[i] = 2 * random.NextSingle() - 1;
        return block;
    }

    // The best of 40 turns, GFLOP/s of all threads together.
    static double Peak()
    {
        const int steps = 100_000, chains = 8;
        double best = 0;
        Thread.Sleep(PauseMs);
        for (int turn = 0; turn < 40; turn++)
        {
            double ms = Time(() => HostThreads.For(HostThreads.Count, _ => Chains(steps)), 1);
            best = Math.Max(best, 2.0 * steps * chains * Vector512<float>.Count
                * HostThreads.Count / ms / 1e6);
        }
        return best;
    }

    // Eight sums, enough to hide the latency of a multiply-add.
    [MethodImpl(MethodImplOptions.NoInlining)]
    static float Chains(int steps)
    {
        Vector512<float> x = Vector512.Create(0.999f), y = Vector512.Create(1e-3f);
        Vector512<float> a = x, b = x, c = x, d = x, e = x, f = x, g = x, h = x;
        for (int i = 0; i < steps; i++)
        {
            a = Vector512.MultiplyAddEstimate(a, x, y);
            b = Vector512.MultiplyAddEstimate(b, x, y);
            c = Vector512.MultiplyAddEstimate(c, x, y);
            d = Vector512.MultiplyAddEstimate(d, x, y);
            e = Vector512.MultiplyAddEstimate(e, x, y);
            f = Vector512.MultiplyAddEstimate(f, x, y);
            g = Vector512.MultiplyAddEstimate(g, x, y);
            h = Vector512.MultiplyAddEstimate(h, x, y);
        }
        return Vector512.Sum(a + b + c + d + e + f + g + h);
    }

    [LibraryImport(Library, EntryPoint = "openblas_set_num_threads")]
    private static partial void SetThreads(int count);

    [LibraryImport(Library, EntryPoint = "cblas_sgemm")]
    private static partial void Gemm(int order, int transposeA, int transposeB, int m, int n, int k,
        float alpha, float* a, int lda, float* b, int ldb, float beta, float* c, int ldc);
}
