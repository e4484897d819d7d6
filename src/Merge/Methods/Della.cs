namespace HeadTap.Merge;

/// <summary>
/// DELLA: drops numbers of each row at random, small ones sooner, rescales the others and elects signs (Deep
/// et al. 2024, arXiv 2406.11617).
/// </summary>
public sealed class Della : TaskVectors
{
    /// <inheritdoc/>
    public override string Name => "della";

    /// <inheritdoc/>
    public override string Paper => "arXiv 2406.11617";

    /// <inheritdoc/>
    public override string Equation =>
        "theta_0 + lambda mean of the w_i m_i t_i / p_i that have the sign of their sum, m_i Bernoulli(p_i), "
        + "p_i by rank in the row";

    private protected override ISparsifier Sparsifier { get; } = new RankedMask();

    private protected override bool NormalizesByDefault => true;

    private protected override bool ElectsSigns => true;
}
