namespace HeadTap.Merge;

/// <summary>
/// DARE's random masks, then the signs of TIES (arXiv 2311.03099, 2306.01708).
/// </summary>
public sealed class DareTies : TaskVectors
{
    /// <inheritdoc/>
    public override string Name => "dare_ties";

    /// <inheritdoc/>
    public override string Paper => "arXiv 2311.03099, 2306.01708";

    /// <inheritdoc/>
    public override string Equation =>
        "theta_0 + lambda sum of the w_i m_i t_i / density that have the sign of their sum";

    private protected override ISparsifier Sparsifier { get; } = new RandomMask();

    private protected override bool NormalizesByDefault => false;

    private protected override bool ElectsSigns => true;
}
