namespace HeadTap.Gpu;

/// <summary>The least times of a piece of work on a card, seconds, by what it needs: an estimate.</summary>
/// <param name="Fp32">The float32 units.</param>
/// <param name="Mma">The tensor cores.</param>
/// <param name="Special">The units of approximations.</param>
/// <param name="Shared">The path of shared memory and first-level cache.</param>
/// <param name="Memory">Device memory.</param>
/// <param name="Total">The longest of them; of several launches, the sum of each one's longest.</param>
/// <remarks>Nothing here knows latency, registers, the second-level cache, instructions of integers or what a
/// launch costs. A launch waits for its busiest multiprocessor: blocks are dealt out evenly.</remarks>
sealed record Roofline(
    double Fp32, double Mma, double Special, double Shared, double Memory, double Total)
{
    const int WarpLanes = 32, SharedCycleBytes = 128;

    /// <summary>What takes longest.</summary>
    internal string Bound => Limits.MaxBy(l => l.Seconds).Name;

    (string Name, double Seconds)[] Limits =>
    [
        ("fp32", Fp32), ("mma", Mma), ("special", Special), ("shared", Shared), ("memory", Memory),
    ];

    /// <summary>Of one launch, its repetitions included.</summary>
    internal static Roofline Of(Card card, LaunchWork work)
    {
        // The busiest multiprocessor's share of the grid.
        double blocks = Math.Ceiling((double)work.Blocks / card.Multiprocessors) / work.Blocks * work.Times;
        double cycle = blocks / (card.ClockGhz * 1e9), tensorCycle = blocks / (card.TensorClockGhz * 1e9);
        InstructionMix mix = work.Mix;
        double Products(double multiplyAdds, int rate) => multiplyAdds == 0 ? 0
            : rate > 0 ? multiplyAdds / rate * tensorCycle
            : throw new InvalidOperationException($"{card.Name} has no such tensor cores");
        Roofline times = new(
            mix.Fp32 * WarpLanes / card.Fp32 * cycle,
            Products(mix.Tf32MultiplyAdds, card.Tf32) + Products(mix.Bf16MultiplyAdds, card.Bf16),
            mix.Special * WarpLanes / card.Special * cycle,
            (work.SharedCycles * SharedCycleBytes + work.SectorBytes) / card.SharedBytes * cycle,
            work.MemoryBytes * work.Times / (card.MemoryGBs * 1e9), 0);
        return times with { Total = times.Limits.Max(l => l.Seconds) };
    }

    /// <summary>Of launches one after the other.</summary>
    internal static Roofline Of(Card card, IEnumerable<LaunchWork> work)
    {
        Roofline sum = new(0, 0, 0, 0, 0, 0);
        foreach (LaunchWork launch in work)
        {
            Roofline one = Of(card, launch);
            sum = new(sum.Fp32 + one.Fp32, sum.Mma + one.Mma, sum.Special + one.Special,
                sum.Shared + one.Shared, sum.Memory + one.Memory, sum.Total + one.Total);
        }
        return sum;
    }
}
