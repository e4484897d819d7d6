namespace HeadTap.Unlearn;

/// <summary>
/// The loss that a step lowers: adds the gradient of its loss for a batch into the trainer's gradients.
/// </summary>
abstract class StepLoss : IDisposable
{
    /// <summary>Adds, and returns the loss.</summary>
    /// <param name="rows">The rows that the training is over.</param>
    /// <param name="batch">Those of this step.</param>
    internal abstract double Add(IReadOnlyList<int[]> rows, int[] batch);

    /// <inheritdoc/>
    public virtual void Dispose() { }
}

/// <summary>Mean next-token cross-entropy over all positions of a batch, times a factor; with -1 a step
/// raises it.</summary>
sealed class LanguageLoss(RowTrainer trainer, double factor = 1) : StepLoss
{
    internal override double Add(IReadOnlyList<int[]> rows, int[] batch)
        => factor * trainer.Passes.AddMean([.. batch.Select(b => rows[b])], factor);
}
