using HeadTap.Models;

namespace HeadTap.Unlearn;

/// <summary>
/// A method that trains the model further. A budget is a share of the steps, so a finding holds for one
/// budget only.
/// </summary>
public abstract class TrainingMethod : UnlearningMethod
{
    /// <inheritdoc/>
    public override string BudgetOf => "of the steps";

    /// <inheritdoc/>
    public override bool FitsOneBudget => true;

    /// <inheritdoc/>
    public override bool Seeded => true;

    /// <inheritdoc/>
    public override IReadOnlyList<MethodOption> Options => [Epochs, BatchRows, LearningRate, WeightDecay];

    /// <summary>Number of passes over the rows; at least 1.</summary>
    public MethodOption Epochs { get; } = StepOptions.Epochs(5);

    /// <summary>Number of rows per step; at least 1.</summary>
    public virtual MethodOption BatchRows { get; } = StepOptions.BatchRows(32);

    /// <summary>Learning rate of AdamW; above 0.</summary>
    public virtual MethodOption LearningRate { get; } = StepOptions.LearningRate(1e-4);

    /// <summary>Weight decay of AdamW; at least 0.</summary>
    public virtual MethodOption WeightDecay { get; } = StepOptions.WeightDecay(0);

    /// <inheritdoc/>
    public override Finding Find(UnlearnTask task, double budget)
    {
        ArgumentNullException.ThrowIfNull(task);
        task.Require(this);
        Check(task);
        var before = WeightSnapshot.Of(task.Model);
        try
        {
            Train(task, Budget(budget));
            return new TrainedFinding(budget, WeightSnapshot.Of(task.Model, Trained(task)));
        }
        finally
        {
            before.Restore(task.Model);
        }
    }

    /// <summary>Returns the rows of an epoch.</summary>
    internal virtual IReadOnlyList<int[]> Rows(UnlearnTask task) => task.Forget;

    /// <summary>Returns the names of the parameters to train; null for all.</summary>
    internal virtual IReadOnlySet<string>? Trained(UnlearnTask task) => null;

    /// <summary>Returns the sites that every pass records, for losses that read them.</summary>
    internal virtual IReadOnlyList<Site> Recorded(UnlearnTask task) => [];

    /// <summary>Checks options and rows against the model before any work.</summary>
    internal virtual void Check(UnlearnTask task) { }

    /// <summary>Makes the loss that the steps lower.</summary>
    internal abstract StepLoss Loss(UnlearnTask task, RowTrainer trainer);

    /// <summary>Trains the task's model in place for a share of the steps.</summary>
    internal void Train(UnlearnTask task, double share)
    {
        IReadOnlyList<int[]> rows = Rows(task);
        int epochs = task.Options.Whole(Epochs);
        var optimizer = new AdamWOptions // the settings of TinyMem's training: arXiv 2410.02159
        {
            LearningRate = task.Options.Number(LearningRate),
            WeightDecay = task.Options.Number(WeightDecay),
            DecayOnlyMatrices = false, Beta1 = 0.9f, Beta2 = 0.98f,
        };
        using var trainer = new RowTrainer(task.Model, optimizer, task.Options.Whole(BatchRows),
            (NeedsKeep ? rows.Concat(task.Keep) : rows).Max(r => r.Length), task.Seed, Trained(task),
            Recorded(task));
        int steps = (int)((long)trainer.StepsIn(rows.Count) * epochs * share);
        if (steps == 0)
            return;
        using StepLoss loss = Loss(task, trainer);
        IEnumerable<int[]> batches = Enumerable.Range(0, epochs)
            .SelectMany(epoch => trainer.Epoch(epoch, rows.Count)).Take(steps);
        foreach (int[] batch in batches)
        {
            trainer.Step(loss.Add(rows, batch));
            task.At((double)trainer.Steps / steps);
        }
    }
}
