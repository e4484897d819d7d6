namespace HeadTap.Merge;

/// <summary>
/// Breadcrumbs, then the signs of TIES (arXiv 2312.06795, 2306.01708).
/// </summary>
public sealed class BreadcrumbsTies : TaskVectors
{
    /// <inheritdoc/>
    public override string Name => "breadcrumbs_ties";

    /// <inheritdoc/>
    public override string Paper => "arXiv 2312.06795, 2306.01708";

    /// <inheritdoc/>
    public override string Equation =>
        "theta_0 + lambda sum of the breadcrumbs of w_i t_i that have the sign of their sum";

    private protected override ISparsifier Sparsifier { get; } = new MiddleMagnitudes();

    private protected override bool NormalizesByDefault => false;

    private protected override bool ElectsSigns => true;
}
