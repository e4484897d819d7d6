using HeadTap.Runtime;

namespace HeadTap.Merge;

/// <summary>
/// Stochastic weight averaging: the mean of every c-th checkpoint of a run from one on (Izmailov et al. 2018,
/// arXiv 1803.05407, algorithm 1). The models are the checkpoints in order.
/// </summary>
public sealed class Swa : MergeMethod
{
    /// <inheritdoc/>
    public override string Name => "swa";

    /// <inheritdoc/>
    public override string Paper => "arXiv 1803.05407";

    /// <inheritdoc/>
    public override string Equation => "mean of theta_i, i = start, start + every, ...";

    /// <inheritdoc/>
    public override BaseUse Base => BaseUse.None;

    /// <inheritdoc/>
    public override IReadOnlyList<MergeParameter> Parameters => [Start, Every];

    /// <summary>The first checkpoint that counts, from 0; 0 by default.</summary>
    public static MergeParameter Start { get; } =
        MergeParameter.Count("start", 0, 0, "the first checkpoint that counts, from 0");

    /// <summary>The cycle's length in checkpoints; 1 by default.</summary>
    public static MergeParameter Every { get; } =
        MergeParameter.Count("every", 1, 1, "c, the distance of checkpoints that count");

    /// <inheritdoc/>
    /// <exception cref="UserException">No checkpoint counts.</exception>
    public override ITensorMerge Open(ParentTensor tensor, TensorSettings settings)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        ArgumentNullException.ThrowIfNull(settings);
        Require(tensor.Name, settings, tensor.Models);
        int start = (int)settings.Of(Start), every = (int)settings.Of(Every);
        return WeightedSum.Mean(tensor,
            Enumerable.Range(0, tensor.Models).Where(m => m >= start && (m - start) % every == 0));
    }

    internal override void Require(string tensor, TensorSettings settings, int models)
    {
        if (settings.Of(Start) >= models)
            throw new UserException($"start is {settings.Of(Start)} of {Counted.Of(models, "checkpoint")}, "
                + $"from 0; expected 0 to {models - 1}");
    }
}
