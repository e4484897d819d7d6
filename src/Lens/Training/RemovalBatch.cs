using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Lens;

/// <summary>
/// Each layer is fitted to what the removal of some of its heads changes, at the positions of the rows that
/// belong to it (<see cref="TrainingAblation"/>).
/// </summary>
sealed class RemovalBatch : ILensBatch
{
    readonly LanguageModel _model;
    readonly TrainingAblation _ablation;
    readonly bool _movesStream;
    readonly ulong _seed;
    readonly LensActivations _whole, _without;
    readonly TensorArena _arena;
    readonly List<int> _layers = []; // the layer of every position
    Tensor _difference = null!, _base = null!, _target = null!, _z = null!;
    IndexTensor _ids = null!;

    /// <summary>Allocates memory for a number of positions and sessions for both passes.</summary>
    /// <exception cref="UserException">The memory does not fit the device.</exception>
    internal RemovalBatch(LanguageModel model, IReadOnlyList<int> layers, LensKind kind,
        LensTrainingOptions options)
    {
        (_model, _ablation, _seed) = (model, options.Ablation!, options.Seed);
        _movesStream = kind == LensKind.Effect;
        int positions = options.PositionsAtOnce(model.Config);
        LensActivations Activations() => new(model, layers, [kind], options.BatchRows,
            options.TokensAtOnce(model.Config), positions);
        _whole = Activations();
        try
        {
            _without = Activations();
            _arena = new TensorArena(model.Device,
                TensorArena.Measure(model.Device, arena => Cut(arena, positions)), "what removal changes");
            Cut(_arena, positions);
        }
        catch
        {
            _whole.Dispose();
            _without?.Dispose();
            throw;
        }
    }

    public int Capacity => _whole.Capacity;

    public int Count => _whole.Count;

    /// <summary>Returns the number of floats beyond those of one <see cref="LensActivations"/>.</summary>
    internal static long Floats(LanguageModel model, IReadOnlyList<int> layers, LensKind kind,
        LensTrainingOptions options)
    {
        int positions = options.PositionsAtOnce(model.Config);
        return 4L * positions * model.Config.Width + positions + LensActivations.Floats(model, layers, [kind],
            options.BatchRows, options.TokensAtOnce(model.Config), positions);
    }

    public void Clear()
    {
        _whole.Clear();
        _without.Clear();
        _layers.Clear();
    }

    public void Add(SequenceBatch rows, ReadOnlySpan<int> positions, long pass, long firstRow)
    {
        int[] layers = [.. Enumerable.Range(0, rows.B)
            .Select(b => (int)((firstRow + b) % _model.Config.Layers))];
        _whole.Add(rows, positions);
        using (_model.Attach(_ablation.Edits(layers, _model.Config.Heads, _seed, pass)))
            _without.Add(rows, positions);
        foreach (int position in positions)
            _layers.Add(layers[position / rows.T]);
    }

    public IEnumerable<LensFit> Fits(IReadOnlyList<int> layers)
    {
        foreach (int layer in layers)
        {
            int[] places = [.. Enumerable.Range(0, _layers.Count).Where(i => _layers[i] == layer)];
            if (places.Length == 0)
                continue;
            int n = places.Length;
            IndexTensor ids = _ids.Slice(_ids.Name, 0, n);
            ids.Upload(places);
            Tensor Gathered(Tensor from, Tensor into)
            {
                Tensor some = into.SliceRows(0, n);
                _model.Ops.Gather(ids, from, some);
                return some;
            }
            Tensor difference = Gathered(_without.Of(layer).Z, _difference);
            _model.Ops.Axpy(Gathered(_whole.Of(layer).Z, _z), difference, -1f);
            VocabularyMap head = LensActivations.ModelHead(_model);
            var target = new TargetLogits.Mapped(Gathered(_without.Normalized, _target), head);
            var inputs = new LensInputs(difference, null, null)
            {
                IsChange = true, Last = _movesStream ? Gathered(_whole.Of(layer).Last!, _base) : null,
            };
            yield return new LensFit([layer], n, target, _movesStream ? null
                : new TargetLogits.Mapped(Gathered(_whole.Normalized, _base), head), _ => inputs);
        }
    }

    public void Dispose()
    {
        _whole.Dispose();
        _without.Dispose();
        _arena.Dispose();
    }

    void Cut(TensorArena arena, int positions)
    {
        int C = _model.Config.Width;
        _difference = arena.Cut("what removal changes in z", positions, C);
        _z = arena.Cut("z of the whole model", positions, C);
        _base = arena.Cut("last stream of the whole model", positions, C);
        _target = arena.Cut("last normalized stream without the heads", positions, C);
        _ids = arena.CutIndices("positions of a layer", positions);
    }
}
