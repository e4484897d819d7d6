namespace HeadTap.Gpu;

/// <summary>
/// Published rates of a card, per cycle and multiprocessor where nothing else is said.
/// Sources: "NVIDIA Tesla T4" data sheet and "NVIDIA Turing GPU Architecture" whitepaper; "NVIDIA A100 Tensor
/// Core GPU Architecture" whitepaper; "NVIDIA H100 Tensor Core GPU Architecture" whitepaper; "NVIDIA H200
/// Tensor Core GPU" data sheet. Special functions: "CUDA C++ Programming Guide", table of the throughput of
/// arithmetic instructions.
/// </summary>
/// <param name="Name">The card.</param>
/// <param name="Architecture">Whose PTX it runs.</param>
/// <param name="Multiprocessors">How many it has.</param>
/// <param name="ClockGhz">Boost clock of float32 work.</param>
/// <param name="TensorClockGhz">Boost clock that the tensor cores' rates are published for.</param>
/// <param name="Fp32">Float32 instructions of a lane: multiply-adds count as one.</param>
/// <param name="Special">Approximations of a lane.</param>
/// <param name="Tf32">Multiply-adds of tensor cores, dense; 0 where there are none.</param>
/// <param name="Bf16">The same in BF16.</param>
/// <param name="SharedBytes">What the one path of shared memory and first-level cache moves.</param>
/// <param name="MemoryGBs">Bandwidth of device memory.</param>
sealed record Card(
    string Name, string Architecture, int Multiprocessors, double ClockGhz, double TensorClockGhz, int Fp32,
    int Special, int Tf32, int Bf16, int SharedBytes, double MemoryGBs)
{
    /// <summary>16 load/store units a multiprocessor, a word each; no TF32 and BF16.</summary>
    internal static Card T4 { get; } = new("T4", "sm_75", 40, 1.59, 1.59, 64, 16, 0, 0, 64, 320);

    /// <summary>SXM4, 40 GB.</summary>
    internal static Card A100 { get; } =
        new("A100", "sm_80", 108, 1.41, 1.41, 64, 16, 512, 1024, 128, 1555);

    /// <summary>SXM5. Its tensor cores' rates are those of wgmma; mma.sync, which we use, gets
    /// less.</summary>
    internal static Card H100 { get; } =
        new("H100", "sm_90", 132, 1.98, 1.83, 128, 16, 1024, 2048, 128, 3350);

    /// <summary>An H100 with faster memory.</summary>
    internal static Card H200 { get; } = H100 with { Name = "H200", MemoryGBs = 4800 };

    /// <summary>Slowest first.</summary>
    internal static IReadOnlyList<Card> All { get; } = [T4, A100, H100, H200];

    /// <summary>The card that a device's description names; null for another.</summary>
    internal static Card? Of(string description)
        => All.FirstOrDefault(c => description.Split(' ', '-').Contains(c.Name, StringComparer.Ordinal));

    /// <summary>Peak of a precision, flops a second; a multiply-add is two.</summary>
    internal double Flops(string precision) => 2e9 * Multiprocessors * precision switch
    {
        "tf32" => Tf32 * TensorClockGhz,
        "bf16" => Bf16 * TensorClockGhz,
        _ => Fp32 * ClockGhz,
    };
}
