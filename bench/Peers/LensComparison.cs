using HeadTap.Runtime;

namespace HeadTap.Peers;

/// <summary>
/// A lens training step beside PyTorch's: each side in a process of its own, one process after the other, so
/// that neither takes the other's memory or caches. Losses must be equal; then medians of each process's
/// steps, the median of the turns' ratios, and each process's peak of resident memory.
/// </summary>
static class LensComparison
{
    /// <summary>How far losses of two sides may be apart, relative to their size.</summary>
    const double Agreement = 1e-4;

    const int Steps = 9; // of which the first two pay for fresh pages and for moments

    const double SecondsPerTurn = 2; // more of a short step

    const long RuntimeBytes = 700L << 20; // libraries, the model, its activations

    internal static int Run(int repeats, int only, string product, string? update)
    {
        Console.WriteLine("A process each, one after the other; a process's time is the median of its steps. "
            + "PyTorch's memory is the less of its allocator tuned and as it comes.");
        Console.WriteLine($"{"lens training step",-33} {"n",4} {"PyTorch as",-20} {"HeadTap s",9} "
            + $"{"PyTorch s",9} {"ratio",5}  {"spread",-13} {"HeadTap",9} {"PyTorch",9}  ratio");
        foreach ((int index, LensSizes sizes) in LensSizes.All.Index())
            if (only < 0 || only == index)
                foreach (string adam in update is null ? ["Fused", "Optimizer"] : (string[])[update])
                    Compare(sizes, [product, adam, $"{index}"], repeats);
        return 0;
    }

    static void Compare(LensSizes sizes, string[] peer, int repeats)
    {
        long needs = Needs(sizes, peer[1]), free = ResidentMemory.Free;
        if (needs > free)
        {
            Console.WriteLine($"{sizes.Name,-33} {sizes.Positions,4} {peer[1],-20} skipped: PyTorch needs "
                + $"about {MemoryPlan.Text(needs)}, and {MemoryPlan.Text(free)} are free");
            return;
        }
        var turns = new (Measured Ours, Measured Theirs)[repeats];
        bool tuned = true;
        for (int i = 0; i < repeats; i++)
        {
            turns[i] = (Measure(tuned: false, LensSide.HeadTap, peer[^1]), MeasurePeer(ref tuned, peer));
            Agree(turns[i].Ours, turns[i].Theirs, sizes);
        }
        double[] ratios = [.. turns.Select(t => t.Theirs.Seconds / t.Ours.Seconds).Order()];
        long ours = turns.Max(t => t.Ours.PeakBytes),
            theirs = Math.Min(turns.Max(t => t.Theirs.PeakBytes), UntunedPeak(peer));
        Console.WriteLine($"{sizes.Name,-33} {sizes.Positions,4} {turns[0].Theirs.Name,-20} "
            + $"{Median([.. turns.Select(t => t.Ours.Seconds)]),9:0.0000} "
            + $"{Median([.. turns.Select(t => t.Theirs.Seconds)]),9:0.0000} {Median(ratios),5:0.00}  "
            + $"{$"{ratios[0]:0.00} to {ratios[^1]:0.00}",-13} "
            + $"{MemoryPlan.Text(ours),9} {MemoryPlan.Text(theirs),9}  {(double)theirs / ours:0.00}");
    }

    // Tuned, the allocator keeps what is freed, and the unfused Adam's temporaries may outgrow the machine.
    static Measured MeasurePeer(ref bool tuned, string[] peer)
    {
        try
        {
            return Measure(tuned, peer);
        }
        catch (InvalidOperationException) when (tuned)
        {
            Console.WriteLine("PyTorch's process ended with its allocator tuned, for want of memory it "
                + "seems; its times are with the allocator as it comes.");
            tuned = false;
            return Measure(tuned, peer);
        }
    }

    static Measured Measure(bool tuned, params string[] arguments)
    {
        using var side = new LensSide(tuned, arguments);
        double before = side.Loss, first = side.StepSeconds(), after = side.Loss;
        side.StepSeconds();
        int steps = (int)Math.Clamp(SecondsPerTurn / first, Steps - 2, 100);
        double[] seconds = [.. Enumerable.Range(0, steps).Select(_ => side.StepSeconds())];
        return new Measured(side.Name, before, after, Median(seconds), side.PeakBytes);
    }

    // Tuned for speed, the allocator cuts a freed gradient into small pieces and then needs another.
    static long UntunedPeak(string[] peer)
    {
        using var side = new LensSide(tuned: false, peer);
        side.StepSeconds();
        side.StepSeconds(); // the first has no moments before it
        return side.PeakBytes;
    }

    // Two implementations that disagree are not worth timing.
    static void Agree(Measured ours, Measured theirs, LensSizes sizes)
    {
        Console.WriteLine($"losses of {sizes.Name}, n = {sizes.Positions}: {ours.Before:0.000000} and "
            + $"{theirs.Before:0.000000}; after a step {ours.After:0.000000} and {theirs.After:0.000000}; "
            + $"seconds {ours.Seconds:0.0000} and {theirs.Seconds:0.0000}");
        if (!(Near(ours.Before, theirs.Before) && Near(ours.After, theirs.After)))
            throw new InvalidOperationException(
                $"The sides' losses differ by more than {Agreement} of their size; their times say nothing.");
        if (!(Math.Abs(theirs.After - theirs.Before) > 10 * Agreement * theirs.Before))
            throw new InvalidOperationException(
                "A step moved the loss too little to compare; the times say nothing.");
    }

    static bool Near(double a, double b) => Math.Abs(a - b) <= Agreement * Math.Abs(b);

    // Weights, gradient, two moments, a freed gradient in pieces, two copies in its unfused Adam; logits,
    // their log-softmax, the target and gradients. Tuned, its allocator was seen to hold 6 times the weights,
    // and 10.4 times with the unfused Adam.
    static long Needs(LensSizes sizes, string update)
        => sizes.WeightBytes * (update == "Fused" ? 6 : 11) + 8 * sizes.LogitBytes + RuntimeBytes;

    static double Median(double[] values)
    {
        double[] sorted = [.. values.Order()];
        int n = sorted.Length;
        return n % 2 == 1 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
    }

    // What one process said: its losses before and after the first step, its median step, its peak.
    readonly record struct Measured(string Name, double Before, double After, double Seconds, long PeakBytes);
}
