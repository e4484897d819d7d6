namespace HeadTap.Unlearn;

/// <summary>
/// Gradient ascent: raises the loss of the forget set (Jang et al. 2023, arXiv 2210.01504). No term keeps the
/// rest, so in the end the model forgets everything.
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
