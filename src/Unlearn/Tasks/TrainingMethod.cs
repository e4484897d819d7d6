using HeadTap.Models;

namespace HeadTap.Unlearn;

/// <summary>
/// A method that goes on training the model for some steps. A budget is the share of those steps that are
/// made, so it finds for one budget only.
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

    /// <summary>Passes over the rows.</summary>
    public MethodOption Epochs { get; } = StepOptions.Epochs(5);

    /// <summary>Rows of a step.</summary>
    public virtual MethodOption BatchRows { get; } = StepOptions.BatchRows(32);

    /// <summary>lr of AdamW.</summary>
    public virtual MethodOption LearningRate { get; } = StepOptions.LearningRate(1e-4);

    /// <summary>Decay of AdamW.</summary>
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

    /// <summary>The rows that an epoch goes through.</summary>
    internal virtual IReadOnlyList<int[]> Rows(UnlearnTask task) => task.Forget;

    /// <summary>Parameters that move; null for all.</summary>
    internal virtual IReadOnlySet<string>? Trained(UnlearnTask task) => null;

    /// <summary>Sites that every pass records, for losses of them.</summary>
    internal virtual IReadOnlyList<Site> Recorded(UnlearnTask task) => [];

    /// <summary>Refuses what does not fit the model or the rows, before any work.</summary>
    internal virtual void Check(UnlearnTask task) { }

    /// <summary>The loss that the steps lower.</summary>
    internal abstract StepLoss Loss(UnlearnTask task, RowTrainer trainer);

    /// <summary>Trains the task's model in place for a share of the steps.</summary>
    internal void Train(UnlearnTask task, double share)
    {
        IReadOnlyList<int[]> rows = Rows(task);
        int epochs = task.Options.Whole(Epochs);
        var optimizer = new AdamWOptions // as TinyMem trains: arXiv 2410.02159
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
