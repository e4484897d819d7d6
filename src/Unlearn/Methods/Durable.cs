namespace HeadTap.Unlearn;

/// <summary>
/// Durable: removes the weights with the largest gradient |dL/dw| of the forget set's loss (arXiv 2410.02159,
/// after Neurotoxin, arXiv 2206.10341).
/// </summary>
/// <remarks>
/// A budget is a share of the weights of the matrices. The reference form edits biases too, each by the same
/// share.
/// </remarks>
/// <param name="together">True for Durable-agg: one budget over all matrices together, not one per
/// matrix.</param>
public sealed class Durable(bool together) : UnlearningMethod
{
    /// <inheritdoc/>
    public override string Name => together ? "durable-agg" : "durable";

    /// <inheritdoc/>
    public override string Title => together ? "Durable-agg" : "Durable";

    /// <inheritdoc/>
    public override string Paper => "arXiv 2410.02159, after arXiv 2206.10341";

    /// <inheritdoc/>
    public override string Equation => "the largest |dL/dw|, L the mean loss of all forget positions, "
        + (together ? "of all matrices together" : "of each matrix");

    /// <inheritdoc/>
    public override MethodFamily Family => MethodFamily.Weight;

    /// <inheritdoc/>
    public override string BudgetOf => together ? "of all MLP weights together" : "of each MLP weight matrix";

    /// <inheritdoc/>
    public override bool HasReferenceForm => true;

    /// <inheritdoc/>
    public override Finding Find(UnlearnTask task, double budget)
    {
        ArgumentNullException.ThrowIfNull(task);
        Budget(budget);
        task.Require(this);
        IReadOnlyList<string> names = task.Form == MethodForm.Reference ? MlpMatrix.WithBiases(task.Model)
            : [.. MlpMatrix.Of(task.Model).Select(m => m.Name)];
        using var rows = new RowGradients(task.Model, names.ToHashSet(), task.Forget.Max(r => r.Length));
        rows.AddMean(task.Forget);
        task.At(1);
        return new WeightFinding([.. names.Select(name =>
            (name, Array.ConvertAll(rows.Gradients.Set[name].ToArray(), MathF.Abs)))], together);
    }
}
