using System.Buffers;

namespace HeadTap.Merge;

/// <summary>
/// Spherical interpolation by weights, of models or of their task vectors, of whole tensors or of each row or
/// column (as mergekit defines it; the curve is Shoemake's, 1985).
/// </summary>
public sealed class NuSlerp : MergeMethod
{
    // From this sine on the arc is a line: mergekit's bound.
    const double Parallel = 1e-8;

    // Below, weights say nothing of the place and it is the middle: mergekit's rule.
    const double NoWeight = 1e-6;

    /// <inheritdoc/>
    public override string Name => "nuslerp";

    /// <inheritdoc/>
    public override string Paper => "mergekit; Shoemake 1985, doi 10.1145/325334.325242";

    /// <inheritdoc/>
    public override string Equation =>
        "slerp of theta_1 and theta_2 at t = w_2 / (w_1 + w_2); with a base, theta_0 + slerp of t_1 and t_2";

    /// <inheritdoc/>
    public override BaseUse Base => BaseUse.Optional;

    /// <inheritdoc/>
    public override int FewestModels => 2;

    /// <inheritdoc/>
    public override int MostModels => 2;

    /// <inheritdoc/>
    public override IReadOnlyList<MergeParameter> Parameters => [MergeParameter.Weight, Flatten, RowWise];

    /// <summary>Whether a tensor turns as one vector; true by default, as in mergekit.</summary>
    public static MergeParameter Flatten { get; } =
        MergeParameter.Switch("nuslerp_flatten", true, "whether a tensor turns as one vector");

    /// <summary>Which vectors turn where a tensor is not one; false by default, as in mergekit, which calls
    /// the vectors along the first extent rows.</summary>
    public static MergeParameter RowWise { get; } = MergeParameter.Switch("nuslerp_row_wise", false,
        "without nuslerp_flatten: whether vectors along the first extent turn, not along the last");

    /// <inheritdoc/>
    public override ITensorMerge Open(ParentTensor tensor, TensorSettings settings)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        ArgumentNullException.ThrowIfNull(settings);
        double[] weights = settings.Each(MergeParameter.Weight, 2);
        double sum = weights.Sum(), t = Math.Abs(sum) < NoWeight ? 0.5 : weights[1] / sum;
        if (settings.Is(Flatten))
        {
            double[,] gram = Gram.Of(tensor, tensor.HasBase);
            (double a, double b) = Shares(gram[0, 0], gram[0, 1], gram[1, 1], t);
            return tensor.HasBase ? new TaskVectorSum(tensor, [a, b]) : new WeightedSum(tensor, [a, b]);
        }
        TensorLines lines = settings.Is(RowWise) ? TensorLines.Columns(tensor) : TensorLines.Rows(tensor);
        double[,] dots = lines.Dots(tensor.Length, (start, to) => Read(tensor, 0, start, to),
            (start, to) => Read(tensor, 1, start, to));
        return new ByLine(tensor, lines, [.. Enumerable.Range(0, lines.Count)
            .Select(l => Shares(dots[l, 0], dots[l, 1], dots[l, 2], t))]);
    }

    static void Read(ParentTensor tensor, int model, long start, Span<float> to)
    {
        if (tensor.HasBase)
            tensor.ReadTaskVector(model, start, to);
        else
            tensor.Read(model, start, to);
    }

    static (double First, double Second) Shares(double aa, double ab, double bb, double t)
    {
        double angle = aa > 0 && bb > 0 ? Math.Acos(Math.Clamp(ab / Math.Sqrt(aa * bb), -1, 1)) : 0;
        double sine = Math.Sin(angle);
        return sine < Parallel ? (1 - t, t)
            : (Math.Sin((1 - t) * angle) / sine, Math.Sin(t * angle) / sine);
    }

    sealed class ByLine(ParentTensor tensor, TensorLines lines, (double First, double Second)[] shares)
        : ITensorMerge
    {
        public void Write(long start, Span<float> to)
        {
            float[] first = ArrayPool<float>.Shared.Rent(to.Length);
            float[] second = ArrayPool<float>.Shared.Rent(to.Length);
            try
            {
                NuSlerp.Read(tensor, 0, start, first.AsSpan(0, to.Length));
                NuSlerp.Read(tensor, 1, start, second.AsSpan(0, to.Length));
                if (tensor.HasBase)
                    tensor.ReadBase(start, to);
                else
                    to.Clear();
                for (int i = 0; i < to.Length; i++)
                {
                    (double a, double b) = shares[lines[start + i]];
                    double sum = b == 0 ? a * first[i] : a * first[i] + b * second[i];
                    to[i] = tensor.HasBase ? (float)(to[i] + sum) : (float)sum;
                }
            }
            finally
            {
                ArrayPool<float>.Shared.Return(first);
                ArrayPool<float>.Shared.Return(second);
            }
        }
    }
}
