using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Unlearn;

/// <summary>
/// Greedy: each step sets one weight to 0, the weight with the largest w dL/dw if that is above 0. The loss
/// of a batch is L = sum_keep l - sum_forget l, with l a row's mean loss (arXiv 2410.02159, after Maini et
/// al. 2023, arXiv 2307.09542).
/// </summary>
/// <remarks>
/// A budget is a number of steps: its share of all MLP weights, rounded down. Reference form: its share of
/// all parameters of the model; a step may choose an MLP bias; the forget rows are also keep rows.
/// </remarks>
public sealed class Greedy : UnlearningMethod
{
    /// <inheritdoc/>
    public override string Name => "greedy";

    /// <inheritdoc/>
    public override string Title => "Greedy";

    /// <inheritdoc/>
    public override string Paper => "arXiv 2410.02159, after arXiv 2307.09542";

    /// <inheritdoc/>
    public override string Equation =>
        "L = sum_keep l - sum_forget l of a batch; the weight of largest w dL/dw, if that is above "
        + "0, is set to 0, one weight per step";

    /// <inheritdoc/>
    public override MethodFamily Family => MethodFamily.Weight;

    /// <inheritdoc/>
    public override string BudgetOf => "of all MLP weights, one a step";

    /// <inheritdoc/>
    public override bool NeedsKeep => true;

    /// <inheritdoc/>
    public override bool HasReferenceForm => true;

    /// <inheritdoc/>
    public override bool Seeded => true;

    /// <inheritdoc/>
    public override IReadOnlyList<MethodOption> Options => [BatchRows];

    /// <summary>Number of rows per step; at least 1.</summary>
    public static MethodOption BatchRows { get; } = StepOptions.BatchRows(64);

    /// <inheritdoc/>
    public override Finding Find(UnlearnTask task, double budget)
    {
        ArgumentNullException.ThrowIfNull(task);
        Budget(budget);
        task.Require(this);
        bool reference = task.Form == MethodForm.Reference;
        var mix = new RowMix(task, task.Options.Whole(BatchRows));
        IReadOnlyList<string> names = reference ? MlpMatrix.WithBiases(task.Model)
            : [.. MlpMatrix.Of(task.Model).Select(m => m.Name)];
        long counted = reference ? task.Model.Parameters.TotalLength
            : MlpMatrix.Of(task.Model).Sum(m => m.Weight.Length);
        var chosen = new ChosenWeight?[OrderFinding.Steps(counted, budget)];
        WeightSnapshot before = WeightSnapshot.Of(task.Model, names.ToHashSet());
        try
        {
            if (chosen.Length > 0)
                Choose(task, mix, names.ToHashSet(), chosen);
        }
        finally
        {
            before.Restore(task.Model);
        }
        task.At(1);
        return new OrderFinding(chosen, counted);
    }

    void Choose(UnlearnTask task, RowMix mix, IReadOnlySet<string> names, ChosenWeight?[] chosen)
    {
        using var rows = new RowGradients(task.Model, names, mix.Longest);
        using var largest = new LargestProduct(task.Model, rows.Gradients);
        int step = 0;
        while (true)
            foreach (RowBatch batch in mix.Shuffled())
            {
                if (step == chosen.Length)
                    return;
                task.At(step / (double)chosen.Length);
                rows.Clear();
                double loss = rows.AddWeighed(
                    [.. batch.Forget, .. batch.Keep], r => r < batch.Forget.Count ? -1 : 1);
                if (!double.IsFinite(loss))
                    throw new UserException($"{Name}: the loss of step {step + 1} is {loss}");
                // If no product is above 0, the batch uses up its step and changes nothing.
                if ((chosen[step++] = largest.Find()) is { } weight)
                    task.Model.Set[weight.Parameter].Slice("", weight.At, 1).Upload([0f]);
            }
    }

    /// <summary>
    /// Finds the element with the largest w g; of equal ones the earliest. There is none if no w g is above
    /// 0.
    /// </summary>
    sealed class LargestProduct : IDisposable
    {
        readonly LanguageModel _model;
        readonly ParameterGradients _gradients;
        readonly TensorArena _arena;
        readonly FlatParameters _products;
        readonly Tensor _value;
        readonly IndexTensor _at;

        internal LargestProduct(LanguageModel model, ParameterGradients gradients)
        {
            (_model, _gradients) = (model, gradients);
            HashSet<string> names = [.. gradients.Set.Included.Select(s => s.Name)];
            _arena = new TensorArena(model.Device, TensorArena.Measure(model.Device, arena =>
                _ = (Products(arena), arena.Cut("", 1), arena.CutIndices("", 1))), "products w g");
            (_products, _value, _at) =
                (Products(_arena), _arena.Cut("largest", 1), _arena.CutIndices("place of it", 1));

            FlatParameters Products(TensorArena arena) => new(arena, model.Parameters, "w g of ", names);
        }

        internal ChosenWeight? Find()
        {
            foreach (ParameterSlice slice in _products.Included)
                _model.Ops.Multiply(
                    _model.Set[slice.Name], _gradients.Set[slice.Name], _products[slice.Name]);
            (float Value, int Block, int At) best = (0, -1, 0);
            for (int b = 0; b < _products.Blocks.Count; b++)
            {
                Tensor block = _products.Blocks[b];
                _model.Ops.TopK(block.Reshape(1, checked((int)block.Length)), _value, _at, 1);
                if (_value.ToArray()[0] is var value && value > best.Value)
                    best = (value, b, _at.ToArray()[0]);
            }
            return best.Block < 0 ? null : Place(best.Block, best.At);
        }

        public void Dispose() => _arena.Dispose();

        ChosenWeight Place(int block, long at)
        {
            at += _products.Blocks.Take(block).Sum(b => b.Length);
            foreach (ParameterSlice slice in _products.Included)
                if (at < slice.Length)
                    return new ChosenWeight(slice.Name, (int)at);
                else
                    at -= slice.Length;
            throw new InvalidOperationException("An index beyond all parameters.");
        }
    }
}
