namespace HeadTap.Merge;

/// <summary>
/// The exponential moving average over the checkpoints of a run (Polyak and Juditsky 1992 for the idea;
/// Tarvainen and Valpola 2017, arXiv 1703.01780, for this form). The models are the checkpoints in order.
/// </summary>
public sealed class Ema : MergeMethod
{
    /// <inheritdoc/>
    public override string Name => "ema";

    /// <inheritdoc/>
    public override string Paper => "arXiv 1703.01780";

    /// <inheritdoc/>
    public override string Equation => "a_n, a_1 = theta_1, a_i = d a_(i-1) + (1 - d) theta_i";

    /// <inheritdoc/>
    public override BaseUse Base => BaseUse.None;

    /// <inheritdoc/>
    public override IReadOnlyList<MergeParameter> Parameters => [Decay];

    /// <summary>What remains of the average at each checkpoint. It must be given: published values are for
    /// every step of a run, of which a few are checkpoints.</summary>
    public static MergeParameter Decay { get; } =
        new("decay", null, 0, 1, "d, what remains of the average at each checkpoint");

    /// <inheritdoc/>
    public override ITensorMerge Open(ParentTensor tensor, TensorSettings settings)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        ArgumentNullException.ThrowIfNull(settings);
        double decay = settings.Of(Decay);
        double[] shares = new double[tensor.Models];
        for (int m = 0; m < shares.Length; m++)
            shares[m] = (m == 0 ? 1 : 1 - decay) * Math.Pow(decay, shares.Length - 1 - m);
        return new WeightedSum(tensor, shares);
    }
}
