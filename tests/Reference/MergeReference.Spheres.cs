namespace HeadTap.Reference;

// Means on a sphere.
public static partial class MergeReference
{
    /// <summary>Multi-SLERP as it was published: unit vectors, their mean's direction, tangents there, the
    /// exponential map back, times the mean length.</summary>
    public static double[] MultiSlerp(double[][] models, double[] weights)
    {
        double[] lengths = [.. models.Select(Length)];
        double[][] units = [.. models.Select((m, i) => m.Select(v => v / lengths[i]).ToArray())];
        double[] mean = Sum(units, weights);
        double meanLength = Length(mean);
        mean = [.. mean.Select(v => v / meanLength)];
        double[][] tangents = [.. units.Select(u =>
        {
            double dot = u.Zip(mean, (a, b) => a * b).Sum();
            return u.Zip(mean, (a, b) => a - dot * b).ToArray();
        })];
        double[] tangent = Sum(tangents, weights);
        double angle = Length(tangent) + 1e-8;
        double scale = weights.Zip(lengths, (w, l) => w * l).Sum();
        return [.. mean.Zip(tangent, (m, t) => scale * (m * Math.Cos(angle) + t * Math.Sin(angle) / angle))];
    }

    static double Length(double[] vector) => Math.Sqrt(vector.Sum(v => v * v));
}
