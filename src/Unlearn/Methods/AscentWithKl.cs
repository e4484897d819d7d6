namespace HeadTap.Unlearn;

/// <summary>
/// Gradient ascent on the forget set that stays close to the original model on the keep set (Yao et al. 2023,
/// arXiv 2310.10683; "KL" of TOFU, arXiv 2401.06121): loss = - LM(forget) + lambda KL(p_original || p). The
/// divergence is the mean over the positions of as many keep rows as the batch has forget rows.
/// </summary>
public sealed class AscentWithKl : TrainingMethod
{
    /// <inheritdoc/>
    public override string Name => "ga-kl";

    /// <inheritdoc/>
    public override string Title => "GA + KL";

    /// <inheritdoc/>
    public override string Paper => "arXiv 2310.10683; KL of arXiv 2401.06121";

    /// <inheritdoc/>
    public override string Equation => "down -LM(forget) + lambda KL(p_original, p) on keep";

    /// <inheritdoc/>
    public override MethodFamily Family => MethodFamily.Gradient;

    /// <inheritdoc/>
    public override bool NeedsKeep => true;

    /// <inheritdoc/>
    public override IReadOnlyList<MethodOption> Options => [.. base.Options, Lambda];

    /// <summary>Weight lambda of the divergence; at least 0.</summary>
    public static MethodOption Lambda { get; } = MethodOption.Number(
        "Lambda", 1, OptionRange.NotNegative, "weight of the divergence");

    internal override StepLoss Loss(UnlearnTask task, RowTrainer trainer)
        => new AscentLoss(task, trainer, task.Options.Number(Lambda));

    sealed class AscentLoss(UnlearnTask task, RowTrainer trainer, double lambda) : StepLoss
    {
        readonly LanguageLoss _forget = new(trainer, -1);
        readonly OriginalDivergence _kl = new(task.Model, trainer.Passes, task.Keep.Max(r => r.Length));
        readonly RowCycle _keep = new(task.Keep, task.Seed);

        internal override double Add(IReadOnlyList<int[]> rows, int[] batch)
            => _forget.Add(rows, batch) + _kl.Add(_keep.Next(batch.Length), lambda);

        public override void Dispose()
        {
            _kl.Dispose();
            base.Dispose();
        }
    }
}
