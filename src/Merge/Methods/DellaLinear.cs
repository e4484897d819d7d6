namespace HeadTap.Merge;

/// <summary>
/// DELLA without the election of signs (Deep et al. 2024, arXiv 2406.11617).
/// </summary>
public sealed class DellaLinear : TaskVectors
{
    /// <inheritdoc/>
    public override string Name => "della_linear";

    /// <inheritdoc/>
    public override string Paper => "arXiv 2406.11617";

    /// <inheritdoc/>
    public override string Equation =>
        "theta_0 + lambda sum_i w_i m_i t_i / p_i, m_i Bernoulli(p_i), p_i by rank in the row";

    private protected override ISparsifier Sparsifier { get; } = new RankedMask();

    private protected override bool NormalizesByDefault => false;

    private protected override bool ElectsSigns => false;
}
