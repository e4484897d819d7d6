using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Unlearn;

/// <summary>
/// Subnet: finds the mask of each feed-forward matrix that makes the forget set's loss largest. It minimises
/// -LM(forget) over the scores of a <see cref="Supermask"/> (arXiv 2410.02159).
/// </summary>
/// <remarks>
/// Without training steps it is the same as <see cref="RandomPruning"/> at the same budget.
/// </remarks>
public class Subnet : UnlearningMethod
{
    /// <inheritdoc/>
    public override string Name => "subnet";

    /// <inheritdoc/>
    public override string Title => "Subnet";

    /// <inheritdoc/>
    public override string Paper => "arXiv 2410.02159, after arXiv 1911.13299";

    /// <inheritdoc/>
    public override string Equation =>
        "minimise -l(forget) over S by SGD, W' = W m(S), m = 0 for the lowest |S|, dL/dS = dL/dW' W "
        + "sign(S)";

    /// <inheritdoc/>
    public sealed override MethodFamily Family => MethodFamily.Weight;

    /// <inheritdoc/>
    public sealed override string BudgetOf => "of each MLP weight matrix";

    /// <inheritdoc/>
    public sealed override bool FitsOneBudget => true;

    /// <inheritdoc/>
    public sealed override bool Seeded => true;

    /// <inheritdoc/>
    public override IReadOnlyList<MethodOption> Options => SupermaskOptions.All;

    /// <inheritdoc/>
    public sealed override Finding Find(UnlearnTask task, double budget)
    {
        ArgumentNullException.ThrowIfNull(task);
        Budget(budget);
        task.Require(this);
        var options = SupermaskOptions.Of(task.Options);
        SupermaskSteps steps = Steps(task, options);
        if (MlpMatrix.Of(task.Model).All(m => Supermask.Removed(m.Weight.Length, budget) == 0))
            return new MaskFinding(budget, []); // the budget removes no weight
        using var mask = new Supermask(task.Model, task.Seed, budget);
        if (options.Epochs > 0)
            Train(task, options, steps, mask);
        task.At(1);
        return mask.Finding();
    }

    /// <summary>Returns the number of steps, and the loss of each.</summary>
    private protected virtual SupermaskSteps Steps(UnlearnTask task, SupermaskOptions options)
    {
        SeededRandom order = RowMix.Order(task.Seed);
        return new SupermaskSteps((task.Forget.Count - 1) / options.BatchRows + 1,
            task.Forget.Max(r => r.Length), Epoch);

        IEnumerable<SupermaskLoss> Epoch()
        {
            foreach (int[][] batch in RowMix.Shuffled(task.Forget, options.BatchRows, order))
                yield return rows => -rows.AddMean(batch, -1);
        }
    }

    void Train(UnlearnTask task, SupermaskOptions options, SupermaskSteps steps, Supermask mask)
    {
        using var rows = new RowGradients(task.Model, MlpMatrix.Names(task.Model), steps.Longest);
        long done = 0, all = (long)options.Epochs * steps.InEpoch;
        for (int epoch = 1; epoch <= options.Epochs; epoch++)
            foreach (SupermaskLoss add in steps.Epoch())
            {
                task.At(done++ / (double)all);
                mask.Apply();
                rows.Clear();
                double loss = add(rows);
                if (!double.IsFinite(loss))
                    throw new UserException($"{Name}: the loss of step {done} is {loss}, so every score "
                        + "would be NaN; try a lower learning rate");
                mask.Step(rows.Gradients, options.Step);
            }
    }
}
