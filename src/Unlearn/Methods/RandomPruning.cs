namespace HeadTap.Unlearn;

/// <summary>
/// Random pruning: removes the weights that a <see cref="Supermask"/> masks before any training. It is the
/// control that Subnet and BalancedSubnet have to beat; without training steps they are the same as it.
/// </summary>
public sealed class RandomPruning : UnlearningMethod
{
    /// <inheritdoc/>
    public override string Name => "random-pruning";

    /// <inheritdoc/>
    public override string Title => "Random pruning";

    /// <inheritdoc/>
    public override string Paper => "the control; nothing is published";

    /// <inheritdoc/>
    public override string Equation =>
        "the mask from which subnet starts: |S|, S ~ U(-1/sqrt(fan), 1/sqrt(fan)), fan the second "
        + "dimension";

    /// <inheritdoc/>
    public override MethodFamily Family => MethodFamily.Control;

    /// <inheritdoc/>
    public override string BudgetOf => "of each MLP weight matrix";

    /// <inheritdoc/>
    public override bool Seeded => true;

    /// <inheritdoc/>
    public override Finding Find(UnlearnTask task, double budget)
    {
        ArgumentNullException.ThrowIfNull(task);
        Budget(budget);
        task.Require(this);
        task.At(1);
        return new WeightFinding([.. MlpMatrix.Of(task.Model).Select(m => (m.Name,
            Array.ConvertAll(Supermask.FirstScores(task.Model.Parameters[m.Name], task.Seed),
                score => -MathF.Abs(score))))]);
    }
}
