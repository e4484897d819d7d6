namespace HeadTap.Unlearn;

/// <summary>
/// Gradient ascent: steps up the loss of the forget set (Jang et al. 2023, arXiv 2210.01504). Without a term
/// that keeps the rest it forgets everything in the end.
/// </summary>
public sealed class GradientAscent : TrainingMethod
{
    /// <inheritdoc/>
    public override string Name => "gradient-ascent";

    /// <inheritdoc/>
    public override string Title => "Gradient ascent";

    /// <inheritdoc/>
    public override string Paper => "arXiv 2210.01504";

    /// <inheritdoc/>
    public override string Equation => "down -LM(forget)";

    /// <inheritdoc/>
    public override MethodFamily Family => MethodFamily.Gradient;

    internal override StepLoss Loss(UnlearnTask task, RowTrainer trainer) => new LanguageLoss(trainer, -1);
}
