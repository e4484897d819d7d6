namespace HeadTap.Unlearn;

/// <summary>The loss that training steps lower.</summary>
abstract class StepLoss : IDisposable
{
    /// <summary>
    /// Adds the gradient of a batch's loss into the trainer's gradients, and returns the loss.
    /// </summary>
    /// <param name="rows">All rows of the training.</param>
    /// <param name="batch">Indices of the rows of this step.</param>
    internal abstract double Add(IReadOnlyList<int[]> rows, int[] batch);

    /// <inheritdoc/>
    public virtual void Dispose() { }
}

/// <summary>
/// Mean next-token cross-entropy over all positions of a batch, times a factor; a step with factor -1 raises
/// it.
/// </summary>
sealed class LanguageLoss(RowTrainer trainer, double factor = 1) : StepLoss
{
    internal override double Add(IReadOnlyList<int[]> rows, int[] batch)
        => factor * trainer.Passes.AddMean([.. batch.Select(b => rows[b])], factor);
}
