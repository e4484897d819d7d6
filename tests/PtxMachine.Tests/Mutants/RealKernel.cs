using System.Runtime.InteropServices;
using HeadTap.Kernels;
using HeadTap.Kernels.Tests;
using ILGPU.Runtime.Cuda;

namespace HeadTap.PtxMachine.Tests;

/// <summary>One of our kernels with inputs: its PTX runs as it is, or changed.</summary>
/// <param name="Name">In the catalog.</param>
/// <param name="Grid">Blocks.</param>
/// <param name="Threads">Of a block.</param>
/// <param name="Arguments">The bytes of each parameter, on a device's memory, and the arrays it
/// writes.</param>
sealed record RealKernel(
    string Name, int Grid, int Threads,
    Func<TestKernel, (byte[][] Values, (nint Start, int Count)[] Writes)> Arguments)
{
    /// <summary>Two rows of 200 columns, with means that are not zero.</summary>
    public static RealKernel LayerNorm { get; } = new("LayerNormKernels.Forward", 2, 128, device =>
    {
        const int rows = 2, C = 200;
        nint x = device.Upload(Numbers(rows * C, 1)), weight = device.Upload(Numbers(C, 2)),
            bias = device.Upload(Numbers(C, 3)), y = device.Upload(new float[rows * C]),
            mean = device.Upload(new float[rows]), rstd = device.Upload(new float[rows]);
        return ([View(x, rows * C), View(weight, C), View(bias, C), View(y, rows * C), View(mean, rows),
            View(rstd, rows), Bytes(C), Bytes(1e-5f)], [(y, rows * C), (mean, rows), (rstd, rows)]);
    });

    /// <summary>The float32 product.</summary>
    public static RealKernel Product { get; } = MatMul("MatMulKernels.Product", 256, wide: false);

    /// <summary>The TF32 product of 64 by 64 tiles, x W^T.</summary>
    public static RealKernel Tf32 { get; } =
        MatMul("MatMulTensorKernels.Tf32Small[PtxTensorCores KContiguous64 KContiguous64]", 128, wide: true);

    /// <summary>The bfloat16 product of 64 by 64 tiles, x W^T.</summary>
    public static RealKernel Bf16 { get; } =
        MatMul("MatMulTensorKernels.Bf16Small[PtxTensorCores KContiguous64 KContiguous64]", 128, wide: true);

    /// <summary>Causal attention with TF32 operands over two heads, one sequence shorter than the
    /// other.</summary>
    public static RealKernel Attention { get; } = new(
        "AttentionTensorKernels.ForwardTf32[PtxTensorCores OneChunk]", 8, 128, device =>
    {
        const int B = 2, T = 70, H = 2, D = 32, C = H * D;
        nint qkv = device.Upload(Numbers(B * T * 3 * C, 4)), lengths = device.Upload(T, 41),
            z = device.Upload(new float[B * T * C]), logSumExp = device.Upload(new float[B * H * T]);
        return ([View(qkv, B * T * 3 * C), View(lengths, B), View(z, B * T * C), View(logSumExp, B * H * T),
            Bytes(T), Bytes(H), Bytes(D), Bytes(1 / MathF.Sqrt(D)), Bytes(1)],
            [(z, B * T * C), (logSumExp, B * H * T)]);
    });

    /// <summary>Its PTX for sm_80. TF32 kernels get the alignment that their copies need.</summary>
    public string Text => PtxCompilation.Of(
        KernelCatalog.All.Single(k => k.Name == Name).Method, CudaArchitecture.SM_80)
        .Replace(".shared .align 4 ", ".shared .align 16 ", StringComparison.Ordinal);

    /// <summary>What it writes when its text is this.</summary>
    public uint[] Run(string text)
    {
        using TestKernel device = new();
        (byte[][] values, (nint Start, int Count)[] writes) = Arguments(device);
        PtxEntry entry = PtxModule.Parse(text).Entries.Values.Single();
        byte[] parameters = new byte[entry.ParameterBytes];
        Assert.That(values, Has.Length.EqualTo(entry.Parameters.Count));
        for (int i = 0; i < values.Length; i++)
        {
            Assert.That(values[i], Has.Length.EqualTo(entry.Parameters[i].Size), entry.Parameters[i].Name);
            values[i].CopyTo(parameters, entry.Parameters[i].Offset);
        }
        device.Gpu.Launch(entry, new(Grid), new(Threads), 0, parameters);
        return [.. writes.SelectMany(w => TestKernel.Download<uint>(w.Start, w.Count))];
    }

    public override string ToString() => Name;

    // y = x W^T + bias of 70 by 68, with 72 terms: tiles overhang, and the pipeline has several stages.
    static RealKernel MatMul(string name, int threads, bool wide) => new(name, 4, threads, device =>
    {
        const int M = 70, N = 68, K = 72;
        nint x = device.Upload(Numbers(M * K, 5)), weight = device.Upload(Numbers(N * K, 6)),
            bias = device.Upload(Numbers(N, 7)), y = device.Upload(new float[M * N]);
        byte[][] values = [View(x, M * K), View(weight, N * K), View(bias, N), View(0, 0), View(y, M * N),
            Bytes(MatMulShape.Transposed(M, N, K, accumulate: false) with { PartTerms = K }),
            Bytes(new MatMulEpilogue(1, MatMulEpilogue.None, 0))];
        return (wide ? [.. values, Bytes(1), Bytes(1)] : values, [(y, M * N)]);
    });

    static float[] Numbers(int count, int seed)
    {
        Random random = new(seed);
        return [.. Enumerable.Range(0, count).Select(_ => random.NextSingle() * 2 - 0.9f)];
    }

    static byte[] View(nint start, long length) => [.. Bytes(start), .. Bytes(length)];

    static byte[] Bytes<T>(T value) where T : unmanaged =>
        MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in value)).ToArray();
}
