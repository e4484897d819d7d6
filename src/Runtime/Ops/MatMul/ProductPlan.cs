using HeadTap.Kernels;

namespace HeadTap.Runtime;

/// <summary>The kernels of the matrix product.</summary>
enum MatMulVariant
{
    /// <summary>float32, 64 x 64 a group: shapes that would not fill the device otherwise.</summary>
    Small,

    /// <summary>float32, 128 x 128 a group; the bits of <see cref="Small"/>.</summary>
    Large,

    /// <summary>The same tiles and bits with asynchronous copies: CUDA from sm_80 on.</summary>
    Pipelined,

    /// <summary>Tensor cores, TF32, 128 x 128 a group.</summary>
    Tf32,

    /// <summary>Tensor cores, TF32, 64 x 64 a group; the bits of <see cref="Tf32"/>.</summary>
    Tf32Small,

    /// <summary>Tensor cores, BF16, 128 x 128 a group.</summary>
    Bf16,

    /// <summary>Tensor cores, BF16, 64 x 64 a group; the bits of <see cref="Bf16"/>.</summary>
    Bf16Small,
}

/// <summary>
/// How one matrix product runs on an ILGPU device: which kernel, and into how many parts its terms are cut.
/// The whole choice is made here.
/// </summary>
/// <remarks>
/// Bits depend on the precision and the parts alone. The parts depend on the shape alone, and only sums over
/// the rows of a batch are cut. Any other row has the same bits alone and in a batch; a cut that depended on
/// the number of rows would end that. The rest (tile, copies) is free and depends on the device.
/// </remarks>
/// <param name="Variant">The kernel.</param>
/// <param name="Parts">Parts of the terms; 1 when each sum is made whole.</param>
readonly record struct ProductPlan(MatMulVariant Variant, int Parts)
{
    /// <summary>
    /// Groups that a cut aims at: two for each multiprocessor of the larger GPUs. Products that have half of
    /// them already are left whole.
    /// </summary>
    const int WantedGroups = 256;

    // A part must outweigh the sum that it stores and that is read again: 256 terms are 512 operations for 8
    // bytes.
    const int LeastTerms = 256;

    /// <summary>Floats of sums in parts that a device keeps room for, 32 MiB.</summary>
    internal const int MostPartialSums = 8 << 20;

    // Terms that every kernel takes a whole number of steps for, and that keep operands aligned.
    const int Step = 16;

    /// <summary>The plan of a product on a device.</summary>
    /// <param name="s">Its shape.</param>
    /// <param name="precision">The device's.</param>
    /// <param name="multiprocessors">Its multiprocessors (OpenCL: compute units).</param>
    /// <param name="asyncCopies">True where the device has cp.async.</param>
    internal static ProductPlan Of(
        in MatMulShape s, Precision precision, int multiprocessors, bool asyncCopies)
    {
        int parts = PartsOf(s);
        // Fewer tiles than multiprocessors leave some of those idle: cut finer.
        bool large = PaysLarge(s)
            && (long)parts * MatMulLargeKernels.Groups(s.M, s.N) >= multiprocessors;
        return new(precision switch
        {
            Precision.Tf32 => large ? MatMulVariant.Tf32 : MatMulVariant.Tf32Small,
            Precision.Bf16 => large ? MatMulVariant.Bf16 : MatMulVariant.Bf16Small,
            _ => !large ? MatMulVariant.Small
                : asyncCopies ? MatMulVariant.Pipelined : MatMulVariant.Large,
        }, parts);
    }

    /// <summary>Terms of each part but the last, 0 when there is one: <see cref="MatMulShape.PartTerms"/>.
    /// </summary>
    internal int PartTerms(int K) => Parts == 1 ? 0 : ((K + Parts - 1) / Parts + Step - 1) / Step * Step;

    // 128 x 128 tiles reuse each load twice as often, but waste what lies beyond y.
    static bool PaysLarge(in MatMulShape s) => s.M > MatMulKernels.Tile && s.N > MatMulKernels.Tile;

    static int PartsOf(in MatMulShape s)
    {
        if (!s.SumsOverRows)
            return 1;
        int tiles = PaysLarge(s) ? MatMulLargeKernels.Groups(s.M, s.N) : MatMulKernels.Groups(s.M, s.N);
        long room = MostPartialSums / Math.Max(1, (long)s.M * s.N);
        return (int)Math.Max(1, Math.Min(Math.Min(WantedGroups / tiles, s.K / LeastTerms), room));
    }
}
