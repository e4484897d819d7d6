using System.Buffers;

namespace HeadTap.Merge;

/// <summary>
/// Reinforced Agent Merging: each place moves by the mean of the task vectors that moved it (arXiv
/// 2601.13572).
/// </summary>
public sealed class Ram : MergeMethod
{
    /// <inheritdoc/>
    public override string Name => "ram";

    /// <inheritdoc/>
    public override string Paper => "arXiv 2601.13572";

    /// <inheritdoc/>
    public override string Equation => "theta_0 + mean of the t_i with |t_i| > epsilon, place by place";

    /// <inheritdoc/>
    public override BaseUse Base => BaseUse.Required;

    /// <inheritdoc/>
    public override IReadOnlyList<MergeParameter> Parameters => [Epsilon];

    /// <summary>The largest change that counts as none; 1e-5 by default, as in mergekit.</summary>
    public static MergeParameter Epsilon { get; } = new("epsilon", 1e-5, 0, double.PositiveInfinity,
        "epsilon, the largest change of a number that counts as none");

    /// <inheritdoc/>
    public override ITensorMerge Open(ParentTensor tensor, TensorSettings settings)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        ArgumentNullException.ThrowIfNull(settings);
        return new Merge(tensor, settings.Of(Epsilon));
    }

    sealed class Merge(ParentTensor tensor, double epsilon) : ITensorMerge
    {
        public void Write(long start, Span<float> to)
        {
            int n = to.Length, models = tensor.Models;
            float[] vectors = ArrayPool<float>.Shared.Rent(models * n);
            try
            {
                for (int m = 0; m < models; m++)
                    tensor.ReadTaskVector(m, start, vectors.AsSpan(m * n, n));
                tensor.ReadBase(start, to);
                for (int i = 0; i < n; i++)
                {
                    double sum = 0;
                    int moved = 0;
                    for (int m = 0; m < models; m++)
                        if (vectors[m * n + i] is var value && Math.Abs((double)value) > epsilon)
                            (sum, moved) = (sum + value, moved + 1);
                    if (moved > 0)
                        to[i] = (float)(to[i] + sum / moved);
                }
            }
            finally
            {
                ArrayPool<float>.Shared.Return(vectors);
            }
        }
    }
}
