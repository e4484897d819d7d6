using HeadTap.Runtime;

namespace HeadTap.Merge;

/// <summary>
/// The weighted mean of the models (Wortsman et al. 2022, "Model soups", arXiv 2203.05482).
/// </summary>
public sealed class Linear : MergeMethod
{
    /// <inheritdoc/>
    public override string Name => "linear";

    /// <inheritdoc/>
    public override string Paper => "arXiv 2203.05482";

    /// <inheritdoc/>
    public override string Equation => "sum_i w_i theta_i, divided by sum_i w_i if normalize";

    /// <inheritdoc/>
    public override BaseUse Base => BaseUse.None;

    /// <inheritdoc/>
    public override IReadOnlyList<MergeParameter> Parameters => [MergeParameter.Weight, Normalize];

    /// <summary>Whether the weights are divided by their sum; true by default, as in mergekit.</summary>
    public static MergeParameter Normalize { get; } =
        MergeParameter.Switch("normalize", true, "whether the sum is divided by sum_i w_i");

    /// <inheritdoc/>
    /// <exception cref="UserException">The weights of a normalised sum add up to 0.</exception>
    public override ITensorMerge Open(ParentTensor tensor, TensorSettings settings)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        ArgumentNullException.ThrowIfNull(settings);
        Require(tensor.Name, settings, tensor.Models);
        double[] weights = settings.Each(MergeParameter.Weight, tensor.Models);
        double divisor = settings.Is(Normalize) ? weights.Sum() : 1;
        return new WeightedSum(tensor, [.. weights.Select(w => w / divisor)]);
    }

    internal override void Require(string tensor, TensorSettings settings, int models)
    {
        if (settings.Is(Normalize))
            RequireSum(tensor, settings, models);
    }
}
