namespace HeadTap.Merge;

/// <summary>Losses on the straight line between two models.</summary>
/// <param name="Alphas">Places: 0 is A, 1 is B.</param>
/// <param name="Losses">Mean cross-entropy at each, nats.</param>
public sealed record LineLosses(IReadOnlyList<double> Alphas, IReadOnlyList<double> Losses)
{
    /// <summary>How far they rise above the straight line between the ends.</summary>
    public double Height => LossBarrier.Of(Alphas, Losses).Height;

    /// <summary>Measures it.</summary>
    /// <param name="loss">The texts.</param>
    /// <param name="a">Flat vector of A.</param>
    /// <param name="b">Flat vector of B.</param>
    /// <param name="points">Places at equal distances, both ends with them; at least 2.</param>
    /// <param name="at">Changes the weights of a place before they are measured; null
    /// for none.</param>
    /// <param name="progress">Told the share of places that are done.</param>
    public static LineLosses Between(TextLoss loss, float[] a, float[] b, int points,
        Func<double, float[], float[]>? at = null, Action<double>? progress = null)
    {
        ArgumentNullException.ThrowIfNull(loss);
        ArgumentNullException.ThrowIfNull(a);
        ArgumentNullException.ThrowIfNull(b);
        double[] alphas = LossLine.Alphas(points);
        double[] losses = new double[points];
        for (int i = 0; i < points; i++)
        {
            float[] place = Place(a, b, alphas[i]);
            losses[i] = loss.Of(at is null ? place : at(alphas[i], place));
            progress?.Invoke((i + 1.0) / points);
        }
        return new LineLosses(alphas, losses);
    }

    /// <summary><c>(1 - alpha) A + alpha B</c>, rounded once.</summary>
    internal static float[] Place(float[] a, float[] b, double alpha)
    {
        float[] place = new float[a.Length];
        for (int i = 0; i < place.Length; i++)
            place[i] = (float)((1 - alpha) * a[i] + alpha * b[i]);
        return place;
    }
}
