namespace HeadTap.Reference;

// Merges that choose places of a tensor.
public static partial class MergeReference
{
    /// <summary>The probabilities with which DELLA keeps the numbers of a row: by rank of magnitude, from
    /// density - epsilon to density + epsilon; of equal ones the first has the lower rank.</summary>
    public static double[] DellaProbabilities(double[] row, double density, double epsilon)
    {
        double[] kept = new double[row.Length];
        int[] order = [.. Enumerable.Range(0, row.Length).OrderBy(i => Math.Abs(row[i]))];
        for (int rank = 0; rank < row.Length; rank++)
            kept[order[rank]] = density - epsilon + 2 * epsilon * rank / (row.Length - 1);
        return kept;
    }

    /// <summary>SCE: the share of places with most variance, weights by squares, then the sign of the
    /// sum.</summary>
    public static double[] Sce(double[] baseModel, double[][] vectors, double share)
    {
        int n = baseModel.Length;
        double[] variances = [.. Enumerable.Range(0, n).Select(i =>
        {
            double mean = vectors.Average(v => v[i]);
            return (double)(float)vectors.Average(v => (v[i] - mean) * (v[i] - mean));
        })];
        int count = (int)(share * variances.Count(v => v != 0));
        HashSet<int> chosen = [.. Enumerable.Range(0, n).OrderByDescending(i => variances[i]).Take(count)];
        double[][] selected = share >= 1 ? vectors
            : [.. vectors.Select(v => v.Select((x, i) => chosen.Contains(i) ? x : 0).ToArray())];
        double[] squares = [.. selected.Select(v => v.Sum(x => x * x))];
        double all = squares.Sum();
        double[] merged = [.. baseModel];
        for (int i = 0; i < n; i++)
        {
            double elect = selected.Sum(v => v[i]) >= 0 ? 1 : -1;
            int[] agree = [.. Enumerable.Range(0, vectors.Length)
                .Where(m => Math.Sign(selected[m][i]) == elect)];
            double divisor = agree.Sum(m => squares[m] / all);
            if (divisor > 0)
                merged[i] += agree.Sum(m => squares[m] / all * selected[m][i]) / divisor;
        }
        return merged;
    }

    /// <summary>Arcee fusion: numbers whose score is no less than median + 1.5 (q3 - q1), where the score is
    /// the distance times the row's divergence; quantiles of sorted scores, rounded to float32.</summary>
    public static double[] ArceeFusion(double[] baseModel, double[] model, int columns)
    {
        double[] scores = new double[model.Length];
        for (int row = 0; row < model.Length; row += columns)
        {
            double[] p = Softmax(model[row..(row + columns)]), q = Softmax(baseModel[row..(row + columns)]);
            double divergence = p.Zip(q, (a, b) => (a + 1e-8) * Math.Log((a + 1e-8) / (b + 1e-8))).Sum();
            for (int i = row; i < row + columns; i++)
                scores[i] = (float)(Math.Abs((double)((float)model[i] - (float)baseModel[i])) * divergence);
        }
        double[] sorted = [.. scores.Order()];
        double Quantile(double q) => sorted[(int)(q * (sorted.Length - 1))];
        double threshold = Quantile(0.5) + 1.5 * (Quantile(0.75) - Quantile(0.25));
        return [.. model.Select((m, i) => scores[i] >= threshold ? m : baseModel[i])];
    }

    /// <summary>RAM: the mean of the task vectors that are above epsilon, place by place.</summary>
    public static double[] Ram(double[] baseModel, double[][] vectors, double epsilon)
        => [.. baseModel.Select((b, i) => vectors.Select(v => v[i]).Where(x => Math.Abs(x) > epsilon)
            .DefaultIfEmpty(0).Average() + b)];

    static double[] Softmax(double[] row)
    {
        double top = row.Max(), sum = row.Sum(v => Math.Exp(v - top));
        return [.. row.Select(v => Math.Exp(v - top) / sum)];
    }
}
