namespace HeadTap.Merge;

/// <summary>The mean of all models (Wortsman et al. 2022, "Model soups", arXiv 2203.05482).</summary>
public sealed class UniformSoup : MergeMethod
{
    /// <inheritdoc/>
    public override string Name => "uniform_soup";

    /// <inheritdoc/>
    public override string Paper => "arXiv 2203.05482";

    /// <inheritdoc/>
    public override string Equation => "mean_i theta_i";

    /// <inheritdoc/>
    public override BaseUse Base => BaseUse.None;

    /// <inheritdoc/>
    public override IReadOnlyList<MergeParameter> Parameters => [];

    /// <inheritdoc/>
    public override ITensorMerge Open(ParentTensor tensor, TensorSettings settings)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        return WeightedSum.Mean(tensor, Enumerable.Range(0, tensor.Models));
    }
}
