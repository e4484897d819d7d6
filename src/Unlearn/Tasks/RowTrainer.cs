using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Unlearn;

/// <summary>
/// Trains a model on rows with AdamW at a constant rate: epochs in a seeded order, one step per batch. A step
/// follows the gradients that were added into <see cref="Gradients"/>; <see cref="Learn"/> adds those of the
/// language-modelling loss. Equal trainers give the same bits on any number of threads.
/// </summary>
public sealed class RowTrainer : IDisposable
{
    readonly OptimizerState _optimizer;
    readonly float _rate;
    readonly int _batchRows;
    readonly ulong _seed;
    readonly TensorArena _arena;

    /// <param name="model">Model to train in place.</param>
    /// <param name="optimizer">Options of AdamW; the rate is constant.</param>
    /// <param name="batchRows">Number of rows per step; at least 1. The last step of an epoch has the
    /// remaining rows.</param>
    /// <param name="longest">Number of tokens of the longest row.</param>
    /// <param name="seed">Seed of the order of rows.</param>
    /// <param name="trained">Names of the parameters to train; null for all.</param>
    /// <param name="record">Sites that every pass records, for losses that read them; null for none.</param>
    /// <exception cref="UserException">An option is out of range, or the training does not fit the
    /// device.</exception>
    public RowTrainer(LanguageModel model, AdamWOptions optimizer, int batchRows, int longest, ulong seed,
        IReadOnlySet<string>? trained = null, IReadOnlyList<Site>? record = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(optimizer);
        if (optimizer.Problem() is { } problem)
            throw new UserException(Field.First(problem));
        if (batchRows < 1)
            throw new UserException($"{Field.Of("BatchRows")} is {batchRows}; expected 1 or more");
        (_rate, _seed, _batchRows) = (optimizer.LearningRate, seed, batchRows);
        trained ??= model.Parameters.Slices.Select(s => s.Name).ToHashSet();
        Passes = new RowGradients(model, trained, longest, record);
        try
        {
            _arena = new TensorArena(model.Device, TensorArena.Measure(model.Device, a =>
                _ = new OptimizerState(a, model, Gradients, optimizer)), "moments");
            _optimizer = new OptimizerState(_arena, model, Gradients, optimizer);
        }
        catch
        {
            _arena?.Dispose();
            Passes.Dispose();
            throw;
        }
    }

    /// <summary>The gradients of the next step's loss; zero after each step.</summary>
    public ParameterGradients Gradients => Passes.Gradients;

    /// <summary>Number of steps done.</summary>
    public int Steps { get; private set; }

    /// <summary>Both moments of every trained parameter, for a checkpoint.</summary>
    public IReadOnlyList<(string Name, Tensor Tensor)> State => _optimizer.Tensors;

    /// <summary>Passes over rows that add into <see cref="Gradients"/>.</summary>
    internal RowGradients Passes { get; }

    /// <summary>Returns the number of steps of an epoch over that many rows.</summary>
    public int StepsIn(int rows) => (rows + _batchRows - 1) / _batchRows;

    /// <summary>
    /// Returns the row indices of each step of an epoch: every row once, in a new order for each epoch.
    /// </summary>
    /// <param name="epoch">Number of the epoch, from 0. The order depends on it and the seed alone.</param>
    /// <param name="rows">Number of rows.</param>
    public IEnumerable<int[]> Epoch(int epoch, int rows)
    {
        int[] order = [.. Enumerable.Range(0, rows)];
        new SeededRandom(_seed, (ulong)epoch + 1).Shuffle<int>(order);
        return order.Chunk(_batchRows);
    }

    /// <summary>
    /// Makes one step that lowers the mean next-token cross-entropy over all positions of the rows.
    /// </summary>
    /// <returns>The mean cross-entropy before the step, nats.</returns>
    /// <exception cref="UserException">The loss is not finite; the weights are unchanged.</exception>
    public double Learn(IReadOnlyList<int[]> batch)
    {
        double loss = Passes.AddMean(batch);
        Step(loss);
        return loss;
    }

    /// <summary>
    /// Makes one step with the gradients in <see cref="Gradients"/>, and sets them to zero.
    /// </summary>
    /// <param name="loss">Loss of this step.</param>
    /// <exception cref="UserException">The loss is not finite; the weights are unchanged.</exception>
    public void Step(double loss)
    {
        if (Steps == 0 && !double.IsFinite(loss))
            throw new UserException(
                $"step 1: the loss is {loss} before any weight was changed; the model's numbers overflow");
        if (!double.IsFinite(loss))
            throw new UserException($"step {Steps + 1}: the loss is {loss}; try a lower learning rate");
        Steps++;
        _optimizer.Step(_rate, Steps);
        Passes.Clear();
    }

    /// <summary>
    /// Continues after a checkpoint's step; <see cref="State"/> must hold the checkpoint's moments.
    /// </summary>
    public void Resume(int steps) => Steps = steps;

    /// <inheritdoc/>
    public void Dispose()
    {
        _arena.Dispose();
        Passes.Dispose();
    }
}
