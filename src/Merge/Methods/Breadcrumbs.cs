namespace HeadTap.Merge;

/// <summary>
/// Model breadcrumbs: drops outliers and small numbers (Davari and Belilovsky 2023, arXiv 2312.06795).
/// </summary>
public sealed class Breadcrumbs : TaskVectors
{
    /// <inheritdoc/>
    public override string Name => "breadcrumbs";

    /// <inheritdoc/>
    public override string Paper => "arXiv 2312.06795";

    /// <inheritdoc/>
    public override string Equation =>
        "theta_0 + lambda sum_i w_i t_i without the largest gamma and the smallest magnitudes";

    private protected override ISparsifier Sparsifier { get; } = new MiddleMagnitudes();

    private protected override bool NormalizesByDefault => false;

    private protected override bool ElectsSigns => false;
}
