using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Unlearn;

/// <summary>
/// A change to training that makes the model memorise less. It makes the steps of a <see cref="RowTrainer"/>,
/// and prepares the weights for evaluation.
/// </summary>
public abstract class TrainingRegulariser : IDisposable
{
    /// <summary>The name on the command line.</summary>
    public abstract string Name { get; }

    /// <summary>The tensors that a checkpoint saves and restores.</summary>
    public virtual IReadOnlyList<(string Name, Tensor Tensor)> State => [];

    /// <summary>Makes one training step.</summary>
    /// <param name="trainer">Trainer of the model.</param>
    /// <param name="rows">All training rows.</param>
    /// <param name="batch">Indices of the rows of this step; an index identifies the example.</param>
    /// <returns>The loss before the step, penalties and dropped rows included.</returns>
    /// <exception cref="UserException">The loss is not finite; the weights are unchanged.</exception>
    public double Learn(RowTrainer trainer, IReadOnlyList<int[]> rows, int[] batch)
    {
        ArgumentNullException.ThrowIfNull(trainer);
        ArgumentNullException.ThrowIfNull(rows);
        ArgumentNullException.ThrowIfNull(batch);
        double loss = Add(trainer, rows, batch);
        trainer.Step(loss);
        return loss;
    }

    /// <summary>
    /// Folds training-only changes into the model's weights for evaluation or saving. Disposing the result
    /// restores the training weights bit for bit.
    /// </summary>
    public virtual IDisposable ForEvaluation(LanguageModel model) => new WeightSnapshotScope();

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Frees the memory of <see cref="State"/>.</summary>
    protected virtual void Dispose(bool disposing) { }

    /// <summary>
    /// Adds the gradient of the step's loss into the trainer's gradients, and returns the loss.
    /// </summary>
    private protected abstract double Add(RowTrainer trainer, IReadOnlyList<int[]> rows, int[] batch);

    /// <summary>Restores weights and detaches edits at the end of an evaluation.</summary>
    private protected sealed class WeightSnapshotScope(
        LanguageModel? model = null, WeightSnapshot? before = null, IDisposable? edits = null) : IDisposable
    {
        public void Dispose()
        {
            edits?.Dispose();
            if (model is not null)
                before?.Restore(model);
        }
    }
}
