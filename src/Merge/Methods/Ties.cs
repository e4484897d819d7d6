namespace HeadTap.Merge;

/// <summary>
/// TIES: trim, elect signs, mean of those that agree (Yadav et al. 2023, arXiv 2306.01708).
/// </summary>
public sealed class Ties : TaskVectors
{
    /// <inheritdoc/>
    public override string Name => "ties";

    /// <inheritdoc/>
    public override string Paper => "arXiv 2306.01708";

    /// <inheritdoc/>
    public override string Equation =>
        "theta_0 + lambda mean of the trimmed w_i t_i that have the sign of their sum";

    private protected override ISparsifier Sparsifier { get; } = new LargestMagnitudes();

    private protected override bool NormalizesByDefault => true;

    private protected override bool ElectsSigns => true;
}
