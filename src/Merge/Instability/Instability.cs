namespace HeadTap.Merge;

/// <summary>A point of the line between two children of a run.</summary>
/// <param name="Alpha">0 is the first child, 1 the second.</param>
/// <param name="Loss">Mean next-token cross-entropy, nats.</param>
/// <param name="Accuracy">Share of tokens that were the most probable one, 0 to 1.</param>
public sealed record InstabilityPoint(double Alpha, double Loss, double Accuracy);

/// <summary>
/// How far two children of one training, which saw rows in other orders from a step on, end apart: the
/// highest error on the line between them above the mean of theirs (Frankle et al. 2020, arXiv 1912.05671).
/// </summary>
/// <param name="Step">The step at which they parted.</param>
/// <param name="ErrorInstability"><c>max_a E(a) - (E(0) + E(1)) / 2</c>, E = 1 - accuracy.</param>
/// <param name="LossInstability">The same of the loss, nats.</param>
/// <param name="Points">The line.</param>
public sealed record Instability(int Step, double ErrorInstability, double LossInstability,
    IReadOnlyList<InstabilityPoint> Points)
{
    /// <summary>The instability that a line shows.</summary>
    /// <param name="step">The step at which its ends parted.</param>
    /// <param name="points">From the first end to the last.</param>
    public static Instability Of(int step, IReadOnlyList<InstabilityPoint> points)
    {
        ArgumentNullException.ThrowIfNull(points);
        // Logits that are not finite still have a largest one: an accuracy beside such a loss says nothing.
        return new Instability(step, Height(p => double.IsFinite(p.Loss) ? 1 - p.Accuracy : double.NaN),
            Height(p => p.Loss), points);

        double Height(Func<InstabilityPoint, double> of)
            => points.Select(of).Aggregate(double.NegativeInfinity, Math.Max) // Max would pass over NaN
                - (of(points[0]) + of(points[^1])) / 2;
    }

    /// <summary>The first step whose children's error does not rise above a threshold between them; null if
    /// there is none.</summary>
    /// <param name="all">By step.</param>
    /// <param name="threshold">0.02 in the paper.</param>
    public static int? FirstStable(IReadOnlyList<Instability> all, double threshold)
        => all.OrderBy(i => i.Step).FirstOrDefault(i => i.ErrorInstability < threshold)?.Step;
}
