using System.Buffers;

namespace HeadTap.Merge;

/// <summary>
/// Takes from a model the numbers that matter: where the distance from the base, times how far the row's
/// softmax moved, is an outlier (as mergekit defines it; there is no paper).
/// </summary>
public sealed class ArceeFusion : MergeMethod
{
    // Added to probabilities before the logarithm: mergekit's.
    const double Epsilon = 1e-8;

    /// <inheritdoc/>
    public override string Name => "arcee_fusion";

    /// <inheritdoc/>
    public override string Paper => "mergekit";

    /// <inheritdoc/>
    public override string Equation =>
        "theta_1 where s >= median(s) + 1.5 (q3(s) - q1(s)), else theta_0; s = |t_1| KL(softmax(row of "
        + "theta_1), softmax(row of theta_0))";

    /// <inheritdoc/>
    public override BaseUse Base => BaseUse.Required;

    /// <inheritdoc/>
    public override int MostModels => 1;

    /// <inheritdoc/>
    public override IReadOnlyList<MergeParameter> Parameters => [];

    /// <inheritdoc/>
    public override ITensorMerge Open(ParentTensor tensor, TensorSettings settings)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        ArgumentNullException.ThrowIfNull(settings);
        TensorLines rows = TensorLines.Rows(tensor);
        var scores = new Scores(tensor, rows, Divergences(tensor, rows.Count));
        double Quantile(double q) => MagnitudeCut.Of(
            tensor.Length, scores.Read, tensor.Length - (long)(q * (tensor.Length - 1))).Threshold;
        return new Merge(tensor, scores, Quantile(0.5) + 1.5 * (Quantile(0.75) - Quantile(0.25)));
    }

    // Each row's sum of p log(p / q).
    static double[] Divergences(ParentTensor tensor, int rows)
    {
        int n = (int)(tensor.Length / rows);
        double[] divergences = new double[rows];
        Parts.Each(rows, row =>
        {
            float[] model = ArrayPool<float>.Shared.Rent(n), start = ArrayPool<float>.Shared.Rent(n);
            tensor.Read(0, row * n, model.AsSpan(0, n));
            tensor.ReadBase(row * n, start.AsSpan(0, n));
            (double topP, double sumP) = Softmax(model.AsSpan(0, n));
            (double topQ, double sumQ) = Softmax(start.AsSpan(0, n));
            for (int i = 0; i < n; i++)
            {
                double p = Math.Exp(model[i] - topP) / sumP + Epsilon;
                double q = Math.Exp(start[i] - topQ) / sumQ + Epsilon;
                divergences[row] += p * Math.Log(p / q);
            }
            ArrayPool<float>.Shared.Return(model);
            ArrayPool<float>.Shared.Return(start);
        });
        return divergences;
    }

    static (double Top, double Sum) Softmax(ReadOnlySpan<float> row)
    {
        double top = double.NegativeInfinity, sum = 0;
        foreach (float value in row)
            top = Math.Max(top, value);
        foreach (float value in row)
            sum += Math.Exp(value - top);
        return (top, sum);
    }

    sealed class Scores(ParentTensor tensor, TensorLines rows, double[] divergences)
    {
        internal void Read(long start, Span<float> to)
        {
            tensor.ReadTaskVector(0, start, to);
            for (int i = 0; i < to.Length; i++)
                to[i] = (float)(Math.Abs((double)to[i]) * divergences[rows[start + i]]);
        }
    }

    sealed class Merge(ParentTensor tensor, Scores scores, double threshold) : ITensorMerge
    {
        public void Write(long start, Span<float> to)
        {
            float[] score = ArrayPool<float>.Shared.Rent(to.Length);
            float[] model = ArrayPool<float>.Shared.Rent(to.Length);
            try
            {
                scores.Read(start, score.AsSpan(0, to.Length));
                tensor.Read(0, start, model.AsSpan(0, to.Length));
                tensor.ReadBase(start, to);
                for (int i = 0; i < to.Length; i++)
                    if (score[i] >= threshold)
                        to[i] = model[i];
            }
            finally
            {
                ArrayPool<float>.Shared.Return(score);
                ArrayPool<float>.Shared.Return(model);
            }
        }
    }
}
