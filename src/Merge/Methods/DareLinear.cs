namespace HeadTap.Merge;

/// <summary>
/// DARE: drops numbers of task vectors at random and rescales the others (Yu et al. 2023, arXiv 2311.03099).
/// </summary>
public sealed class DareLinear : TaskVectors
{
    /// <inheritdoc/>
    public override string Name => "dare_linear";

    /// <inheritdoc/>
    public override string Paper => "arXiv 2311.03099";

    /// <inheritdoc/>
    public override string Equation =>
        "theta_0 + lambda sum_i w_i m_i t_i / density, m_i Bernoulli(density)";

    private protected override ISparsifier Sparsifier { get; } = new RandomMask();

    private protected override bool NormalizesByDefault => false;

    private protected override bool ElectsSigns => false;
}
