namespace HeadTap.Reference;

/// <summary>Merges of whole tensors in float64, as their equations stand, with sorted magnitudes.</summary>
public static partial class MergeReference
{
    /// <summary>sum_i w_i theta_i.</summary>
    public static double[] Sum(double[][] models, double[] weights)
    {
        double[] sum = new double[models[0].Length];
        for (int m = 0; m < models.Length; m++)
            for (int i = 0; i < sum.Length; i++)
                sum[i] += weights[m] * models[m][i];
        return sum;
    }

    /// <summary>Spherical interpolation of flattened vectors.</summary>
    public static double[] Slerp(double[] a, double[] b, double t)
    {
        double dot = 0, lengthA = 0, lengthB = 0;
        for (int i = 0; i < a.Length; i++)
        {
            dot += a[i] * b[i];
            lengthA += a[i] * a[i];
            lengthB += b[i] * b[i];
        }
        double angle = Math.Acos(dot / Math.Sqrt(lengthA) / Math.Sqrt(lengthB)), sine = Math.Sin(angle);
        return Sum([a, b], [Math.Sin((1 - t) * angle) / sine, Math.Sin(t * angle) / sine]);
    }

    /// <summary>theta_i - theta_0, rounded to float32 as it is read.</summary>
    public static double[] TaskVector(double[] model, double[] baseModel)
        => [.. model.Zip(baseModel, (m, b) => (double)((float)m - (float)b))];

    /// <summary>Sets all to 0 but those whose rank by falling magnitude is in [first, first + count); equal
    /// ones stand in the order of their places.</summary>
    public static double[] Ranks(double[] vector, int first, int count)
    {
        double[] kept = new double[vector.Length];
        foreach (int i in Enumerable.Range(0, vector.Length).OrderByDescending(i => Math.Abs(vector[i]))
            .Skip(first).Take(count))
            kept[i] = vector[i];
        return kept;
    }

    /// <summary>theta_0 + lambda sum_i w_i t_i / divisor, with the models that agree with the sign of the sum
    /// alone if asked.</summary>
    public static double[] AddTaskVectors(
        double[] baseModel, double[][] vectors, double[] weights, double lambda, bool normalize, bool elect)
    {
        double[] merged = [.. baseModel];
        for (int i = 0; i < merged.Length; i++)
        {
            double all = 0, sum = 0, divisor = 0;
            for (int m = 0; m < vectors.Length; m++)
                all += weights[m] * vectors[m][i];
            for (int m = 0; m < vectors.Length; m++)
            {
                double term = weights[m] * vectors[m][i];
                if (elect && Math.Sign(term) != (all >= 0 ? 1 : -1))
                    continue;
                sum += term;
                divisor += weights[m];
            }
            merged[i] += lambda * (normalize && divisor != 0 ? sum / divisor : sum);
        }
        return merged;
    }
}
