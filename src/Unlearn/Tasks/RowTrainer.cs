using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Unlearn;

/// <summary>
/// Trains a model on rows with AdamW at a constant rate: epochs in a seeded order, one step for each batch.
/// The loss of a step is whatever was added into <see cref="Gradients"/>; <see cref="Learn"/> adds language
/// modelling's. Two trainers made alike give the same bits, on any number of threads.
/// </summary>
public sealed class RowTrainer : IDisposable
{
    readonly OptimizerState _optimizer;
    readonly float _rate;
    readonly int _batchRows;
    readonly ulong _seed;
    readonly TensorArena _arena;

    /// <param name="model">Trained in place.</param>
    /// <param name="optimizer">Rate, decay and moments.</param>
    /// <param name="batchRows">Rows of a step; the last step of an epoch has what is left.</param>
    /// <param name="longest">Tokens of the longest row that will come.</param>
    /// <param name="seed">Of the order of rows.</param>
    /// <param name="trained">Parameters that move; null for all.</param>
    /// <param name="record">Sites that every pass records, for losses of them; null for none.</param>
    /// <exception cref="UserException">An option is out of range, or it does not fit the device.</exception>
    public RowTrainer(LanguageModel model, AdamWOptions optimizer, int batchRows, int longest, ulong seed,
        IReadOnlySet<string>? trained = null, IReadOnlyList<Site>? record = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(optimizer);
        if (optimizer.Problem() is { } problem)
            throw new UserException(problem);
        if (batchRows < 1)
            throw new UserException($"BatchRows is {batchRows}; expected 1 or more", "BatchRows");
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

    /// <summary>What a step goes along, downwards; zero when a step begins.</summary>
    public ParameterGradients Gradients => Passes.Gradients;

    /// <summary>Steps done.</summary>
    public int Steps { get; private set; }

    /// <summary>Both moments of every trained parameter, for a checkpoint.</summary>
    public IReadOnlyList<(string Name, Tensor Tensor)> State => _optimizer.Tensors;

    /// <summary>Passes over rows that add into <see cref="Gradients"/>.</summary>
    internal RowGradients Passes { get; }

    /// <summary>Steps of an epoch over as many rows.</summary>
    public int StepsIn(int rows) => (rows + _batchRows - 1) / _batchRows;

    /// <summary>
    /// The rows of each step of an epoch, as indices from 0: every row once, shuffled anew for each epoch.
    /// </summary>
    /// <param name="epoch">From 0; the order depends on nothing else but the seed.</param>
    /// <param name="rows">How many there are.</param>
    public IEnumerable<int[]> Epoch(int epoch, int rows)
    {
        int[] order = [.. Enumerable.Range(0, rows)];
        new SeededRandom(_seed, (ulong)epoch + 1).Shuffle<int>(order);
        return order.Chunk(_batchRows);
    }

    /// <summary>One step down the mean next-token cross-entropy over all positions of the rows.</summary>
    /// <returns>That mean before the step, nats.</returns>
    /// <exception cref="UserException">It is not a number; the weights are as before.</exception>
    public double Learn(IReadOnlyList<int[]> batch)
    {
        double loss = Passes.AddMean(batch);
        Step(loss);
        return loss;
    }

    /// <summary>One step along what was added into <see cref="Gradients"/>, which is zero again
    /// then.</summary>
    /// <param name="loss">Of this step.</param>
    /// <exception cref="UserException">The loss is not a number; the weights are as before.</exception>
    public void Step(double loss)
    {
        if (!double.IsFinite(loss))
            throw new UserException($"step {Steps + 1}: the loss is {loss}; try a lower learning rate");
        Steps++;
        _optimizer.Step(_rate, Steps);
        Passes.Clear();
    }

    /// <summary>Goes on from a checkpoint's step, whose <see cref="State"/> is in place.</summary>
    public void Resume(int steps) => Steps = steps;

    /// <inheritdoc/>
    public void Dispose()
    {
        _arena.Dispose();
        Passes.Dispose();
    }
}
