namespace HeadTap.Reference;

/// <summary>Task vectors whole in float64: theta_i - theta_0, and what lies between two of them.</summary>
public static class TaskVectorReference
{
    /// <summary>theta_i - theta_0.</summary>
    public static double[] Of(float[] model, float[] baseModel)
        => [.. model.Zip(baseModel, (m, b) => (double)m - b)];

    /// <summary>The root of the sum of squares.</summary>
    public static double Norm(double[] t) => Math.Sqrt(t.Sum(x => x * x));

    /// <summary>The dot product over both norms.</summary>
    public static double Cosine(double[] a, double[] b)
        => a.Zip(b, (x, y) => x * y).Sum() / Norm(a) / Norm(b);

    /// <summary>Of the places where at least two of the vectors are not 0, the share at which they do not all
    /// have one sign.</summary>
    public static double ConflictShare(params double[][] vectors)
    {
        int[][] shared = [.. Enumerable.Range(0, vectors[0].Length)
            .Select(i => vectors.Select(t => Math.Sign(t[i])).Where(s => s != 0).ToArray())
            .Where(signs => signs.Length >= 2)];
        return (double)shared.Count(signs => signs.Distinct().Count() == 2) / shared.Length;
    }
}
