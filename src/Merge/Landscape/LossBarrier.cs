namespace HeadTap.Merge;

/// <summary>How far the loss on a line rises above the straight line between its ends.</summary>
/// <remarks>
/// <c>barrier(A, B) = max_a [ L((1 - a) A + a B) - ((1 - a) L(A) + a L(B)) ]</c> (Frankle et al. 2020, arXiv
/// 1912.05671; Entezari et al. 2022, arXiv 2110.06296). The ends are on the line, so it is at least 0.
/// </remarks>
/// <param name="Height">Nats; NaN if a loss on the line is.</param>
/// <param name="Alpha">Where, 0 at A and 1 at B; the first of several.</param>
public readonly record struct LossBarrier(double Height, double Alpha)
{
    /// <summary>The barrier of a line.</summary>
    /// <param name="alphas">Ascending from 0 to 1.</param>
    /// <param name="losses">Loss at each of them, nats.</param>
    public static LossBarrier Of(IReadOnlyList<double> alphas, IReadOnlyList<double> losses)
    {
        ArgumentNullException.ThrowIfNull(alphas);
        ArgumentNullException.ThrowIfNull(losses);
        if (alphas.Count != losses.Count || alphas.Count < 2)
            throw new ArgumentException($"{alphas.Count} places and {losses.Count} losses are no line.");
        var most = new LossBarrier(0, alphas[0]);
        for (int i = 1; i + 1 < alphas.Count; i++)
        {
            double rise = losses[i] - ((1 - alphas[i]) * losses[0] + alphas[i] * losses[^1]);
            if (!(rise <= most.Height)) // this way round, NaN is kept
                most = new(rise, alphas[i]);
            if (double.IsNaN(rise))
                break;
        }
        return most;
    }
}
