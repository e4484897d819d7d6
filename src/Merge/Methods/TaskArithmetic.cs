namespace HeadTap.Merge;

/// <summary>
/// Task arithmetic: adds task vectors to the base (Ilharco et al. 2023, arXiv 2212.04089).
/// </summary>
public sealed class TaskArithmetic : TaskVectors
{
    /// <inheritdoc/>
    public override string Name => "task_arithmetic";

    /// <inheritdoc/>
    public override string Paper => "arXiv 2212.04089";

    /// <inheritdoc/>
    public override string Equation =>
        "theta_0 + lambda sum_i w_i t_i";

    private protected override ISparsifier Sparsifier { get; } = Everything.Instance;

    private protected override bool NormalizesByDefault => false;

    private protected override bool ElectsSigns => false;
}
