namespace HeadTap.Merge;

/// <summary>Losses on the straight line between two models.</summary>
/// <param name="Alphas">Places: 0 is A, 1 is B.</param>
/// <param name="Losses">Mean cross-entropy at each, nats.</param>
public sealed record LineLosses(IReadOnlyList<double> Alphas, IReadOnlyList<double> Losses)
{
    /// <summary>
    /// <c>max_a [ L((1 - a) A + a B) - ((1 - a) L(A) + a L(B)) ]</c>: 0 where no place is above the line
    /// between the ends, NaN where a loss is not finite.
    /// </summary>
    public double Height
    {
        get
        {
            double height = 0;
            for (int i = 0; i < Losses.Count; i++)
                height = Math.Max(height,
                    Losses[i] - ((1 - Alphas[i]) * Losses[0] + Alphas[i] * Losses[^1]));
            return height;
        }
    }

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
        ArgumentOutOfRangeException.ThrowIfLessThan(points, 2);
        double[] alphas = [.. Enumerable.Range(0, points).Select(i => i / (points - 1.0))];
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
