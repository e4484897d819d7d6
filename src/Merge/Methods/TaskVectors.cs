using System.Buffers;
using System.Numerics;
using System.Numerics.Tensors;

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
        if (Sparsifier.ReadsAgain)
            tensor = tensor.Held();
        ISparsity[] kept = [.. Enumerable.Range(0, models).Select(m => weights[m] == 0
            ? Everything.Instance : Sparsifier.Open(tensor, settings, m))];
        return new Sum(tensor, weights, kept, settings.Of(Lambda), settings.Is(Normalize), ElectsSigns);
    }

    internal override void Require(string tensor, TensorSettings settings, int models)
    {
        for (int m = 0; m < models; m++)
            if (settings.Of(MergeParameter.Weight, m) != 0)
                Sparsifier.Require(settings, m);
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
            double[] rented = ArrayPool<double>.Shared.Rent(n);
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
                Span<double> sums = rented.AsSpan(0, n);
                if (electsSigns)
                    SumAgreeing(vectors, n, sums);
                else
                    SumAll(vectors, n, sums);
                AddTo(to, sums);
            }
            finally
            {
                ArrayPool<float>.Shared.Return(vectors);
                ArrayPool<double>.Shared.Return(rented);
            }
        }

        void SumAll(float[] vectors, int n, Span<double> sums)
        {
            sums.Clear();
            for (int m = 0; m < weights.Length; m++)
                WideSums.Add(sums, vectors.AsSpan(m * n, n), weights[m]);
            double divisor = weights.Sum();
            if (normalize && Math.Abs(divisor) >= NoWeight)
                TensorPrimitives.Divide(sums, divisor, sums);
        }

        void SumAgreeing(float[] vectors, int n, Span<double> sums)
        {
            int models = weights.Length, i = 0;
            Span<Vector<double>> terms = stackalloc Vector<double>[2 * models];
            for (; i + Vector<float>.Count <= n; i += Vector<float>.Count)
            {
                for (int m = 0; m < models; m++)
                {
                    Vector.Widen(new Vector<float>(vectors, m * n + i),
                        out Vector<double> low, out Vector<double> high);
                    (terms[m], terms[models + m]) = (low * weights[m], high * weights[m]);
                }
                Agreeing(terms[..models]).CopyTo(sums[i..]);
                Agreeing(terms[models..]).CopyTo(sums[(i + Vector<double>.Count)..]);
            }
            // What is left goes through the same code, so that a number's bits do not depend on its place.
            Span<double> rest = stackalloc double[Vector<double>.Count];
            for (; i < n; i++)
            {
                for (int m = 0; m < models; m++)
                    terms[m] = new Vector<double>(vectors[m * n + i]) * weights[m];
                Agreeing(terms[..models]).CopyTo(rest);
                sums[i] = rest[0];
            }
        }

        Vector<double> Agreeing(ReadOnlySpan<Vector<double>> terms)
        {
            Vector<double> all = default, sum = default, divisor = default;
            foreach (Vector<double> term in terms)
                all += term;
            Vector<long> positive = Vector.GreaterThanOrEqual(all, default);
            for (int m = 0; m < terms.Length; m++)
            {
                Vector<double> agrees = Vector.AsVectorDouble(Vector.ConditionalSelect(positive,
                    Vector.GreaterThan(terms[m], default), Vector.LessThan(terms[m], default)));
                sum += terms[m] & agrees;
                divisor += new Vector<double>(weights[m]) & agrees;
            }
            return !normalize ? sum : Vector.ConditionalSelect(
                Vector.GreaterThanOrEqual(Vector.Abs(divisor), new Vector<double>(NoWeight)),
                sum / divisor, sum);
        }

        // A base that nothing is added to keeps its bits, that of -0 too.
        void AddTo(Span<float> to, Span<double> sums)
        {
            int lanes = Vector<double>.Count, i = 0;
            for (; i + 2 * lanes <= to.Length; i += 2 * lanes)
            {
                Vector<float> start = new(to[i..]);
                Vector.Widen(start, out Vector<double> low, out Vector<double> high);
                Vector<double> first = new(sums[i..]), second = new(sums[(i + lanes)..]);
                Vector<int> nothing =
                    Vector.Narrow(Vector.Equals(first, default), Vector.Equals(second, default));
                Vector.ConditionalSelect(nothing, start,
                    Vector.Narrow(low + first * lambda, high + second * lambda)).CopyTo(to[i..]);
            }
            for (; i < to.Length; i++)
                if (sums[i] != 0)
                    to[i] = (float)(to[i] + lambda * sums[i]);
        }
    }
}
