using HeadTap.Runtime;

namespace HeadTap.Unlearn;

/// <summary>
/// Continues the model's training on chosen rows: AdamW, learning rate 1e-3, 5 epochs (arXiv 2410.02159,
/// section 3). The optimiser's moments start at zero because a model folder has none; the paper's runs kept
/// theirs.
/// </summary>
/// <param name="clean">Whether it trains on the clean versions of the forget set.</param>
/// <param name="extra">Whether it trains on the keep set.</param>
public sealed class FineTuning(bool clean, bool extra) : TrainingMethod
{
    /// <inheritdoc/>
    public override string Name => "fine-tune-" + (clean && extra ? "both" : clean ? "clean" : "extra");

    /// <inheritdoc/>
    public override string Title => "FT " + (clean && extra ? "both" : clean ? "clean" : "extra");

    /// <inheritdoc/>
    public override string Paper => "arXiv 2410.02159, section 3";

    /// <inheritdoc/>
    public override string Equation => "AdamW (0.9, 0.98) down LM on "
        + (clean && extra ? "clean versions and keep" : clean ? "clean versions" : "keep");

    /// <inheritdoc/>
    public override MethodFamily Family => MethodFamily.FineTuning;

    /// <inheritdoc/>
    public override bool NeedsKeep => extra;

    /// <inheritdoc/>
    public override MethodOption BatchRows { get; } = StepOptions.BatchRows(128);

    /// <inheritdoc/>
    public override MethodOption LearningRate { get; } = StepOptions.LearningRate(1e-3);

    /// <inheritdoc/>
    public override MethodOption WeightDecay { get; } = StepOptions.WeightDecay(0.1);

    internal override void Check(UnlearnTask task)
    {
        if (clean && task.Clean.Count == 0)
            throw new UserException($"{Name} needs clean versions of the sequences to forget; expected "
                + "clean_ids beside their ids");
    }

    internal override IReadOnlyList<int[]> Rows(UnlearnTask task)
        => [.. clean ? task.Clean : [], .. extra ? task.Keep : []];

    internal override StepLoss Loss(UnlearnTask task, RowTrainer trainer) => new LanguageLoss(trainer);
}
