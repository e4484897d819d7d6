using System.Buffers;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Merge;

/// <summary>
/// Fisher merging: a mean whose weights are how much each number matters to its model (Matena and Raffel
/// 2022, arXiv 2111.09832, equation 3).
/// </summary>
/// <remarks>
/// F is the empirical Fisher: the paper draws labels from the model, here they are the text's own next
/// tokens, and an example is a row. One number for each number of each model is held.
/// </remarks>
public sealed class Fisher : MeasuredMethod
{
    /// <inheritdoc/>
    public override string Name => "fisher";

    /// <inheritdoc/>
    public override string Paper => "arXiv 2111.09832";

    /// <inheritdoc/>
    public override string Equation =>
        "sum_i c_i (F_i + m) theta_i / sum_i c_i (F_i + m), F_i the mean of squared gradients over rows, "
        + "c_i = w_i / (|F_i| + m)";

    /// <inheritdoc/>
    public override BaseUse Base => BaseUse.None;

    /// <inheritdoc/>
    public override IReadOnlyList<MergeParameter> Parameters =>
        [MergeParameter.Weight, NormalizeFisher, LeastFisher, Examples];

    /// <summary>Whether each model's F is divided by its length; true by default, as in
    /// FusionBench.</summary>
    public static MergeParameter NormalizeFisher { get; } = MergeParameter.Switch(
        "normalize_fisher_weight", true, "whether each model's F is divided by its length over all numbers");

    /// <summary>Added to every F; 1e-6 by default, as in FusionBench.</summary>
    public static MergeParameter LeastFisher { get; } = new(
        "minimal_fisher_weight", 1e-6, 0, double.PositiveInfinity, "m, added to F, so that no sum is 0");

    /// <inheritdoc/>
    /// <exception cref="UserException">A model cannot be read or run, or all weights are 0.</exception>
    public override MergeMethod Measured(MergeMeasurement measurement)
    {
        ArgumentNullException.ThrowIfNull(measurement);
        int models = measurement.Rows.Count;
        TensorSettings settings = measurement.Settings;
        double least = settings.Of(LeastFisher);
        var all = new Dictionary<string, float[]>[models];
        double[] scales = new double[models];
        for (int m = 0; m < models; m++)
        {
            int at = m;
            using LanguageModel model = measurement.Load(m);
            all[m] = Squares(model, measurement.First(m, (int)settings.Of(Examples)),
                share => measurement.Report((at + share) / models));
            double length = Math.Sqrt(all[m].Values.Sum(f => f.Sum(v => (double)v * v)));
            scales[m] = settings.Is(NormalizeFisher) ? 1 / (length + least) : 1;
        }
        return With((tensor, values) =>
        {
            double[] weights = values.Each(MergeParameter.Weight, models);
            return new Merge(tensor, [.. all.Select(f => f[tensor.Name])],
                [.. weights.Zip(scales, (w, scale) => w * scale)], least);
        });
    }

    internal override void Require(string tensor, TensorSettings settings, int models)
    {
        double[] weights = settings.Each(MergeParameter.Weight, models);
        // Of both signs they could add up to almost 0 and wreck the model.
        if (weights.Any(w => w < 0))
            throw new UserException($"{tensor}: a weight is {weights.Min():R}; fisher takes 0 or more");
        if (weights.All(w => w == 0))
            throw new UserException($"{tensor}: all weights are 0; expected one that is not");
    }

    /// <summary>The mean over rows of squared gradients of the row's mean next-token cross-entropy, by
    /// parameter.</summary>
    internal static Dictionary<string, float[]> Squares(
        LanguageModel model, IReadOnlyList<int[]> rows, Action<double> report)
    {
        using var session = new ModelSession(model, new SessionOptions
        {
            MaxTokens = rows.Max(r => r.Length), Backward = true,
        });
        using ParameterGradients gradients = ParameterGradients.Create(model);
        Dictionary<string, float[]> squares =
            model.Parameters.Slices.ToDictionary(s => s.Name, s => new float[s.Length]);
        for (int r = 0; r < rows.Count; r++)
        {
            report((double)r / rows.Count);
            var batch = new SequenceBatch(rows[r]);
            gradients.Clear(model.Ops);
            session.ForwardBackward(batch, batch.NextTokens(), gradients, 1f / (rows[r].Length - 1));
            foreach ((string name, float[] sums) in squares)
            {
                float[] gradient = gradients.Set[name].ToArray();
                for (int i = 0; i < sums.Length; i++)
                    sums[i] += gradient[i] * gradient[i] / rows.Count;
            }
        }
        return squares;
    }

    sealed class Merge(ParentTensor tensor, float[][] fishers, double[] scales, double least) : ITensorMerge
    {
        public void Write(long start, Span<float> to)
        {
            int n = to.Length, models = scales.Length;
            float[] values = ArrayPool<float>.Shared.Rent(models * n);
            try
            {
                for (int m = 0; m < models; m++)
                    tensor.Read(m, start, values.AsSpan(m * n, n));
                for (int i = 0; i < n; i++)
                {
                    double sum = 0, divisor = 0;
                    for (int m = 0; m < models; m++)
                        if (scales[m] != 0)
                        {
                            double share = scales[m] * (fishers[m][start + i] + least);
                            (sum, divisor) = (sum + share * values[m * n + i], divisor + share);
                        }
                    // Without m a number may matter to no model; then it is their mean.
                    to[i] = divisor != 0 ? (float)(sum / divisor) : Mean(values, n, i);
                }
            }
            finally
            {
                ArrayPool<float>.Shared.Return(values);
            }
        }

        float Mean(float[] values, int n, int i)
        {
            double sum = 0;
            for (int m = 0; m < scales.Length; m++)
                sum += values[m * n + i];
            return (float)(sum / scales.Length);
        }
    }
}
