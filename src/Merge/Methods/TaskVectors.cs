using System.Buffers;

namespace HeadTap.Merge;

/// <summary>
/// The methods that add task vectors to the base: each is sparsified, then they are summed by weights, all of
/// them or those that agree with the sign of the sum.
/// </summary>
public abstract class TaskVectors : MergeMethod
{
    /// <inheritdoc/>
    public override BaseUse Base => BaseUse.Required;

    /// <inheritdoc/>
    public override IReadOnlyList<MergeParameter> Parameters =>
        [MergeParameter.Weight, .. Sparsifier.Parameters, Lambda, Normalize];

    /// <summary>The factor of the sum; 1 by default.</summary>
    public static MergeParameter Lambda { get; } = new("lambda", 1, double.NegativeInfinity,
        double.PositiveInfinity, "lambda, the factor of the sum of task vectors");

    /// <summary>Whether the sum is divided by the weights of what was added.</summary>
    public MergeParameter Normalize => MergeParameter.Switch("normalize", NormalizesByDefault,
        "whether each number is divided by the weights of the models that were added to it");

    private protected abstract ISparsifier Sparsifier { get; }

    /// <summary>mergekit's default of <see cref="Normalize"/>.</summary>
    private protected abstract bool NormalizesByDefault { get; }

    /// <summary>Whether models that disagree with the sign of the sum are left out.</summary>
    private protected abstract bool ElectsSigns { get; }

    /// <inheritdoc/>
    public override ITensorMerge Open(ParentTensor tensor, TensorSettings settings)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        ArgumentNullException.ThrowIfNull(settings);
        int models = tensor.Models;
        double[] weights = settings.Each(MergeParameter.Weight, models);
        ISparsity[] kept = [.. Enumerable.Range(0, models).Select(m => weights[m] == 0
            ? Everything.Instance : Sparsifier.Open(tensor, settings, m))];
        return new Sum(tensor, weights, kept, settings.Of(Lambda), settings.Is(Normalize), ElectsSigns);
    }

    sealed class Sum(ParentTensor tensor, double[] weights, ISparsity[] kept, double lambda, bool normalize,
        bool electsSigns) : ITensorMerge
    {
        // Below, a sum of weights counts as 0 and nothing is divided: mergekit's bound.
        const double NoWeight = 1e-8;

        public void Write(long start, Span<float> to)
        {
            int n = to.Length, models = weights.Length;
            float[] vectors = ArrayPool<float>.Shared.Rent(models * n);
            try
            {
                for (int m = 0; m < models; m++)
                {
                    Span<float> vector = vectors.AsSpan(m * n, n);
                    tensor.ReadTaskVector(m, start, vector); // with weight 0 too: a parent's NaN is refused
                    if (weights[m] == 0)
                        vector.Clear();
                    else
                        kept[m].Apply(start, vector);
                }
                tensor.ReadBase(start, to);
                double all = weights.Sum();
                for (int i = 0; i < n; i++)
                {
                    double sum = 0;
                    for (int m = 0; m < models; m++)
                        sum += weights[m] * vectors[m * n + i];
                    double divisor = all;
                    if (electsSigns)
                        (sum, divisor) = Agreeing(vectors, n, i, sum >= 0);
                    if (normalize && Math.Abs(divisor) >= NoWeight)
                        sum /= divisor;
                    // A base that nothing is added to keeps its bits, that of -0 too.
                    if (sum != 0)
                        to[i] = (float)(to[i] + lambda * sum);
                }
            }
            finally
            {
                ArrayPool<float>.Shared.Return(vectors);
            }
        }

        (double Sum, double Weights) Agreeing(float[] vectors, int n, int i, bool positive)
        {
            double sum = 0, agreeing = 0;
            for (int m = 0; m < weights.Length; m++)
            {
                double term = weights[m] * vectors[m * n + i];
                if (positive ? term > 0 : term < 0)
                    (sum, agreeing) = (sum + term, agreeing + weights[m]);
            }
            return (sum, agreeing);
        }
    }
}
