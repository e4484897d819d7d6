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
    public override bool OneBudget => true;

    /// <inheritdoc/>
    public override bool Seeded => true;

    /// <inheritdoc/>
    public override IReadOnlyList<string> Takes =>
    [
        nameof(MethodOptions.Epochs), nameof(MethodOptions.BatchRows), nameof(MethodOptions.LearningRate),
        nameof(MethodOptions.WeightDecay),
    ];

    /// <summary>Passes over the rows, unless told.</summary>
    public virtual int Epochs => 5;

    /// <summary>Rows of a step, unless told.</summary>
    public virtual int BatchRows => 32;

    /// <summary>lr of AdamW, unless told.</summary>
    public virtual float LearningRate => 1e-4f;

    /// <summary>Decay of AdamW, unless told.</summary>
    public virtual float WeightDecay => 0f;

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

    /// <summary>Refuses options before any work.</summary>
    internal virtual void Check(UnlearnTask task) { }

    /// <summary>What its steps go down.</summary>
    internal abstract StepLoss Loss(UnlearnTask task, RowTrainer trainer);

    /// <summary>Trains the task's model in place for a share of the steps.</summary>
    internal void Train(UnlearnTask task, double share)
    {
        IReadOnlyList<int[]> rows = Rows(task);
        MethodOptions given = task.Options;
        int epochs = OptionRange.AtLeastOne("epochs", given.Epochs ?? Epochs);
        var optimizer = new AdamWOptions // as TinyMem trains: arXiv 2410.02159
        {
            LearningRate = OptionRange.Positive("learning-rate", given.LearningRate ?? LearningRate),
            WeightDecay = OptionRange.NotNegative("weight-decay", given.WeightDecay ?? WeightDecay),
            DecayOnlyMatrices = false, Beta1 = 0.9f, Beta2 = 0.98f,
        };
        using var trainer = new RowTrainer(task.Model, optimizer, given.BatchRows ?? BatchRows,
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
