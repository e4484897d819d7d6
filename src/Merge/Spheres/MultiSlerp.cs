using HeadTap.Runtime;

namespace HeadTap.Merge;

/// <summary>
/// Directions of several models, averaged and brought back to the sphere (Goddard 2024, "Multi-SLERP").
/// </summary>
/// <remarks>
/// The published steps go to the tangent space at the mean direction, average there and come back. The
/// tangents at that point add up to 0 for every choice of weights, so what remains is the mean direction
/// itself, and it is what is computed here.
/// </remarks>
public sealed class MultiSlerp : MergeMethod
{
    /// <inheritdoc/>
    public override string Name => "multislerp";

    /// <inheritdoc/>
    public override string Paper => "goddard.blog/posts/multislerp-wow-what-a-cool-idea";

    /// <inheritdoc/>
    public override string Equation =>
        "sum_i w_i |theta_i| u, u the direction of sum_i w_i theta_i / |theta_i|; with a base, theta_0 + "
        + "that of t_i";

    /// <inheritdoc/>
    public override BaseUse Base => BaseUse.Optional;

    /// <inheritdoc/>
    public override int FewestModels => 2;

    /// <inheritdoc/>
    public override IReadOnlyList<MergeParameter> Parameters =>
        [MergeParameter.Weight, NormalizeWeights, Epsilon];

    /// <summary>Whether the weights are divided by their sum; true by default, as in mergekit.</summary>
    public static MergeParameter NormalizeWeights { get; } =
        MergeParameter.Switch("normalize_weights", true, "whether the weights are divided by their sum");

    /// <summary>The length below which a mean of directions is none; 1e-8 by default, as in
    /// mergekit.</summary>
    public static MergeParameter Epsilon { get; } = new("eps", 1e-8, 0, 1,
        "the length below which a mean of directions counts as none; added to lengths that divide");

    /// <inheritdoc/>
    /// <exception cref="UserException">The weights add up to 0, or the directions of three or more models
    /// cancel.</exception>
    public override ITensorMerge Open(ParentTensor tensor, TensorSettings settings)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        ArgumentNullException.ThrowIfNull(settings);
        Require(tensor.Name, settings, tensor.Models);
        double[] weights = settings.Each(MergeParameter.Weight, tensor.Models);
        if (settings.Is(NormalizeWeights))
        {
            double sum = weights.Sum();
            weights = [.. weights.Select(w => w / sum)];
        }
        double[] shares = Shares(
            Gram.Of(tensor, tensor.HasBase), weights, settings.Of(Epsilon), tensor.Name);
        return tensor.HasBase ? new TaskVectorSum(tensor, shares) : new WeightedSum(tensor, shares);
    }

    internal override void Require(string tensor, TensorSettings settings, int models)
    {
        if (settings.Is(NormalizeWeights))
            RequireSum(tensor, settings, models);
    }

    internal static double[] Shares(double[,] gram, double[] weights, double epsilon, string tensor)
    {
        int models = weights.Length;
        double[] lengths = [.. Enumerable.Range(0, models).Select(m => Math.Sqrt(gram[m, m]))];
        double[] along = [.. weights.Zip(lengths, (w, length) => w / (length + epsilon))];
        double square = 0;
        for (int a = 0; a < models; a++)
            for (int b = 0; b < models; b++)
                square += along[a] * along[b] * gram[a, b];
        double mean = Math.Sqrt(Math.Max(0, square));
        // Tensors of zeros have no direction, and their sum is right.
        if (mean < epsilon || mean == 0)
            return models == 2 || lengths.All(length => length == 0) ? weights : throw new UserException(
                $"{tensor}: the directions of the models cancel each other; multislerp has no mean of them. "
                + "Expected other weights.");
        double scale = weights.Zip(lengths, (w, length) => w * length).Sum() / mean;
        return [.. along.Select(c => c * scale)];
    }
}
