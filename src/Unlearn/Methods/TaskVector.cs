using HeadTap.Models;

namespace HeadTap.Unlearn;

/// <summary>
/// Task-vector negation: fine-tunes a copy on the forget set, then moves the weights the opposite way: w -
/// strength (w_forget - w) (Ilharco et al. 2023, arXiv 2212.04089).
/// </summary>
public sealed class TaskVector : TrainingMethod
{
    /// <inheritdoc/>
    public override string Name => "task-vector";

    /// <inheritdoc/>
    public override string Title => "Task vector";

    /// <inheritdoc/>
    public override string Paper => "arXiv 2212.04089";

    /// <inheritdoc/>
    public override string Equation => "w - strength (w_forget - w), w_forget fine-tuned on forget";

    /// <inheritdoc/>
    public override MethodFamily Family => MethodFamily.Gradient;

    /// <inheritdoc/>
    public override string BudgetOf => "of the strength";

    /// <inheritdoc/>
    public override bool FitsOneBudget => false;

    /// <inheritdoc/>
    public override IReadOnlyList<MethodOption> Options => [.. base.Options, Strength];

    /// <summary>Multiple of the vector that a budget of 1 subtracts; above 0.</summary>
    public static MethodOption Strength { get; } = MethodOption.Number(
        "Strength", 1, OptionRange.Positive, "multiple of the vector that a budget of 1 subtracts");

    /// <inheritdoc/>
    public override Finding Find(UnlearnTask task, double budget)
    {
        ArgumentNullException.ThrowIfNull(task);
        task.Require(this);
        Budget(budget);
        float strength = task.Options.Number(Strength);
        var before = WeightSnapshot.Of(task.Model);
        try
        {
            Train(task, 1);
            return new TaskVectorFinding(before, WeightSnapshot.Of(task.Model), strength);
        }
        finally
        {
            before.Restore(task.Model);
        }
    }

    internal override StepLoss Loss(UnlearnTask task, RowTrainer trainer) => new LanguageLoss(trainer);
}

/// <summary>
/// The difference between a model and its fine-tuned copy; a budget subtracts a share of it.
/// </summary>
/// <param name="before">Weights of the model.</param>
/// <param name="after">Weights of the fine-tuned copy.</param>
/// <param name="strength">Multiple of the difference that a budget of 1 subtracts; above 0.</param>
public sealed class TaskVectorFinding(WeightSnapshot before, WeightSnapshot after, double strength) : Finding
{
    /// <inheritdoc/>
    public override void Apply(LanguageModel model, double budget)
    {
        ArgumentNullException.ThrowIfNull(model);
        double share = strength * UnlearningMethod.Budget(budget);
        if (share == 0)
            return;
        foreach (ParameterSlice slice in model.Parameters.Slices)
        {
            float[] from = before[slice.Name], to = after[slice.Name], moved = new float[from.Length];
            for (int i = 0; i < moved.Length; i++)
                moved[i] = (float)(from[i] - share * ((double)to[i] - from[i]));
            model.Set[slice.Name].Upload(moved);
        }
    }
}
