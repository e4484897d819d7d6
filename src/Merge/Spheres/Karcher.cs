namespace HeadTap.Merge;

/// <summary>
/// The Karcher mean: the point of the sphere with the least squared angles to the models' directions, times
/// the mean of their lengths (Karcher 1977, "Riemannian center of mass and mollifier smoothing").
/// </summary>
public sealed class Karcher : MergeMethod
{
    /// <inheritdoc/>
    public override string Name => "karcher";

    /// <inheritdoc/>
    public override string Paper => "Karcher 1977, doi 10.1002/cpa.3160300502";

    /// <inheritdoc/>
    public override string Equation =>
        "mean_i |theta_i| u, u minimises sum_i angle(u, theta_i / |theta_i|)^2";

    /// <inheritdoc/>
    public override BaseUse Base => BaseUse.None;

    /// <inheritdoc/>
    public override int FewestModels => 2;

    /// <inheritdoc/>
    public override IReadOnlyList<MergeParameter> Parameters => [MostSteps, Tolerance];

    /// <summary>Steps at most; 10 by default, as in mergekit.</summary>
    public static MergeParameter MostSteps { get; } = new("max_iter", 10, 1, 10_000, "steps at most");

    /// <summary>A step this short is the last; 1e-5 by default, as in mergekit.</summary>
    public static MergeParameter Tolerance { get; } =
        new("tol", 1e-5, 0, 1, "the angle of a step that is the last");

    /// <inheritdoc/>
    public override ITensorMerge Open(ParentTensor tensor, TensorSettings settings)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        ArgumentNullException.ThrowIfNull(settings);
        return new WeightedSum(tensor, Shares(Gram.Of(tensor, taskVectors: false),
            (int)settings.Of(MostSteps), settings.Of(Tolerance)));
    }

    // The mean lies in the models' span: u = sum_i c_i theta_i, and every angle comes from dot products.
    internal static double[] Shares(double[,] gram, int steps, double tolerance)
    {
        int models = gram.GetLength(0);
        double[] lengths = [.. Enumerable.Range(0, models).Select(m => Math.Sqrt(gram[m, m]))];
        // A tensor of zeros has no direction.
        int[] counted = [.. Enumerable.Range(0, models).Where(m => lengths[m] > 0)];
        double[] shares = new double[models];
        if (counted.Length == 0)
            return shares;
        foreach (int m in counted)
            shares[m] = 1 / lengths[m];
        // Opposite directions have no mean; the first one is where the search begins then.
        if (!Scale(shares, gram, 1))
        {
            Array.Clear(shares);
            shares[counted[0]] = 1 / lengths[counted[0]];
        }
        for (int step = 0; step < steps; step++)
        {
            double[] tangent = new double[models];
            foreach (int m in counted)
            {
                double cosine = Math.Clamp(Dot(shares, m, gram) / lengths[m], -1, 1);
                double angle = Math.Acos(cosine), sine = Math.Sin(angle);
                double along = sine > 1e-12 ? angle / sine / counted.Length : 1.0 / counted.Length;
                tangent[m] += along / lengths[m];
                for (int i = 0; i < models; i++)
                    tangent[i] -= along * cosine * shares[i];
            }
            double length = Math.Sqrt(Math.Max(0, Square(tangent, gram)));
            if (length <= tolerance)
                break;
            for (int i = 0; i < models; i++)
                shares[i] = Math.Cos(length) * shares[i] + Math.Sin(length) * tangent[i] / length;
        }
        _ = Scale(shares, gram, lengths.Sum() / models);
        return shares;
    }

    // Makes |sum_i c_i theta_i| the length asked for; false where it is 0.
    static bool Scale(double[] shares, double[,] gram, double length)
    {
        double square = Square(shares, gram);
        if (!(square > 1e-24))
            return false;
        for (int i = 0; i < shares.Length; i++)
            shares[i] *= length / Math.Sqrt(square);
        return true;
    }

    static double Square(double[] shares, double[,] gram)
    {
        double square = 0;
        for (int i = 0; i < shares.Length; i++)
            square += shares[i] * Dot(shares, i, gram);
        return square;
    }

    static double Dot(double[] shares, int model, double[,] gram)
    {
        double dot = 0;
        for (int i = 0; i < shares.Length; i++)
            dot += shares[i] * gram[i, model];
        return dot;
    }
}
