namespace HeadTap.Merge;

/// <summary>
/// Latest weight averaging: the mean of a run's last k checkpoints (Kaddour 2022, arXiv 2209.14981). The
/// models are the checkpoints in order.
/// </summary>
public sealed class Lawa : MergeMethod
{
    /// <inheritdoc/>
    public override string Name => "lawa";

    /// <inheritdoc/>
    public override string Paper => "arXiv 2209.14981";

    /// <inheritdoc/>
    public override string Equation => "mean of theta_i, i = n - k + 1, ..., n";

    /// <inheritdoc/>
    public override BaseUse Base => BaseUse.None;

    /// <inheritdoc/>
    public override IReadOnlyList<MergeParameter> Parameters => [Latest];

    /// <summary>How many checkpoints count, the last ones; 6 by default, as in the paper. Of fewer, all
    /// do.</summary>
    public static MergeParameter Latest { get; } =
        MergeParameter.Count("k", 6, 1, "k, how many of the last checkpoints count");

    /// <inheritdoc/>
    public override ITensorMerge Open(ParentTensor tensor, TensorSettings settings)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        ArgumentNullException.ThrowIfNull(settings);
        int first = Math.Max(0, tensor.Models - (int)settings.Of(Latest));
        return WeightedSum.Mean(tensor, Enumerable.Range(first, tensor.Models - first));
    }
}
