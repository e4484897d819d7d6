using HeadTap.Runtime;

namespace HeadTap.Peers;

/// <summary>
/// A lens training step beside PyTorch's: each side in its own process, equal losses first, then timed in
/// turns. Prints medians, the median of the turns' ratios, and each process's peak of resident memory.
/// </summary>
static class LensComparison
{
    /// <summary>How far losses of two sides may be apart, relative to their size.</summary>
    const double Agreement = 1e-4;

    const double SecondsPerTurn = 0.2; // short steps are repeated: the first after a wait runs cold

    const long RuntimeBytes = 700L << 20; // libraries, the model, its activations

    internal static int Run(int repeats, int only, string product, string? update)
    {
        Console.WriteLine(
            "A process each; PyTorch's memory is the less of its allocator tuned and as it comes.");
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
            Console.WriteLine($"{sizes.Name,-33} {sizes.Positions,4} {peer[1],-20} skipped: both sides "
                + $"together need about {MemoryPlan.Text(needs)}, and {MemoryPlan.Text(free)} are free");
            return;
        }
        double[] a = new double[repeats], b = new double[repeats];
        long ourPeak, theirPeak;
        string name;
        using (var theirs = new LensSide(tuned: true, peer))
        using (var ours = new LensSide(tuned: false, LensSide.HeadTap, peer[^1]))
        {
            Agree(ours, theirs, sizes);
            int steps = (int)Math.Clamp(SecondsPerTurn / Math.Min(Turn(ours, 1), Turn(theirs, 1)), 1, 20);
            for (int i = 0; i < repeats; i++)
                (a[i], b[i]) = (Turn(ours, steps), Turn(theirs, steps));
            (ourPeak, theirPeak, name) = (ours.PeakBytes, theirs.PeakBytes, theirs.Name);
        }
        theirPeak = Math.Min(theirPeak, UntunedPeak(peer));
        double[] ratios = [.. a.Zip(b, (x, y) => y / x).Order()];
        Console.WriteLine($"{sizes.Name,-33} {sizes.Positions,4} {name,-20} {Median(a),9:0.0000} "
            + $"{Median(b),9:0.0000} {Median(ratios),5:0.00}  {$"{ratios[0]:0.00} to {ratios[^1]:0.00}",-13} "
            + $"{MemoryPlan.Text(ourPeak),9} {MemoryPlan.Text(theirPeak),9}  "
            + $"{(double)theirPeak / ourPeak:0.00}");
    }

    // Tuned for speed, the allocator cuts a freed gradient into small pieces and then needs another.
    static long UntunedPeak(string[] peer)
    {
        using var side = new LensSide(tuned: false, peer);
        Turn(side, 2); // the first step has no moments before it
        return side.PeakBytes;
    }

    // Two implementations that disagree are not worth timing.
    static void Agree(LensSide ours, LensSide theirs, LensSizes sizes)
    {
        (double a, double b) = (ours.Loss, theirs.Loss);
        Turn(ours, 1);
        Turn(theirs, 1);
        (double c, double d) = (ours.Loss, theirs.Loss);
        Console.WriteLine($"losses of {sizes.Name}, n = {sizes.Positions}: {a:0.000000} and {b:0.000000}; "
            + $"after a step {c:0.000000} and {d:0.000000}");
        if (!(Near(a, b) && Near(c, d)))
            throw new InvalidOperationException(
                $"The sides' losses differ by more than {Agreement} of their size; nothing is timed.");
        if (!(Math.Abs(d - b) > 10 * Agreement * b))
            throw new InvalidOperationException(
                "A step moved the loss too little to compare; nothing is timed.");
    }

    static bool Near(double a, double b) => Math.Abs(a - b) <= Agreement * Math.Abs(b);

    // PyTorch: weights, gradient, two moments, a freed gradient in pieces, two copies in its unfused Adam;
    // ours: weights and moments. Logits, their log-softmax, the target and gradients. Tuned, its allocator
    // was seen to hold 6 times the weights, and 10.4 times with the unfused Adam.
    static long Needs(LensSizes sizes, string update)
        => sizes.WeightBytes * ((update == "Fused" ? 6 : 11) + 3) + 8 * sizes.LogitBytes + 2 * RuntimeBytes;

    // Seconds of a step.
    static double Turn(LensSide side, int steps)
    {
        Thread.Sleep(20); // the other side's workers spin for a while after their last product
        return Enumerable.Range(0, steps).Sum(_ => side.StepSeconds()) / steps;
    }

    static double Median(double[] values)
    {
        double[] sorted = [.. values.Order()];
        int n = sorted.Length;
        return n % 2 == 1 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
    }
}
