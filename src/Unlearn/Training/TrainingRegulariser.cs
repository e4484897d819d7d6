using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Unlearn;

/// <summary>
/// A change to training by which less is memorised: it makes the steps of a <see cref="RowTrainer"/>, and
/// says what the model is when it is measured or written.
/// </summary>
public abstract class TrainingRegulariser : IDisposable
{
    /// <summary>As it is named on the command line.</summary>
    public abstract string Name { get; }

    /// <summary>What a resumed run needs: tensors that a checkpoint saves and reads back in place.</summary>
    public virtual IReadOnlyList<(string Name, Tensor Tensor)> State => [];

    /// <summary>One step.</summary>
    /// <param name="trainer">Whose weights move.</param>
    /// <param name="rows">The training rows.</param>
    /// <param name="batch">Those of this step: their index is the example that they are.</param>
    /// <returns>The loss before the step, penalties and dropped rows included.</returns>
    /// <exception cref="UserException">It is not a number; the weights are as before.</exception>
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
    /// Until it is disposed, the model is what is measured and written: weights that training has by the way
    /// are folded in. Then its weights are those of training again, bit for bit.
    /// </summary>
    public virtual IDisposable ForEvaluation(LanguageModel model) => new WeightSnapshotScope();

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Gives back what <see cref="State"/> lives in.</summary>
    protected virtual void Dispose(bool disposing) { }

    /// <summary>Adds the gradient of the step's loss into the trainer's gradients, and returns the
    /// loss.</summary>
    private protected abstract double Add(RowTrainer trainer, IReadOnlyList<int[]> rows, int[] batch);

    /// <summary>Ends an evaluation.</summary>
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
