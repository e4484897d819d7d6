using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Lens;

/// <summary>Lenses of one kind for several layers of a model, on the model's device.</summary>
public sealed class LensSet : IDisposable
{
    readonly List<TensorArena> _arenas = [];
    readonly Dictionary<int, LayerLens> _lenses = [];

    LensSet(LanguageModel model, LensOptions options, IReadOnlyList<int> layers)
        => (Model, Options, Layers) = (model, options, layers);

    /// <summary>The model that the lenses read.</summary>
    public LanguageModel Model { get; }

    /// <summary>Kind, rank and initial values of the lenses.</summary>
    public LensOptions Options { get; }

    /// <summary>Layers that have a lens.</summary>
    public IReadOnlyList<int> Layers { get; }

    /// <summary>Gets the lens of a layer.</summary>
    /// <exception cref="UserException">The layer has no lens.</exception>
    public LayerLens this[int layer] => _lenses.TryGetValue(layer, out LayerLens? lens) ? lens
        : throw new UserException($"the lens has no layer {layer}; it has {string.Join(", ", Layers)}");

    /// <summary>Creates untrained lenses with initial values.</summary>
    /// <param name="model">The model that the lenses read; it must outlive them.</param>
    /// <param name="options">Kind, rank and initial values.</param>
    /// <param name="layers">Layers that get a lens.</param>
    /// <param name="positions">Largest number of positions whose features are made at once.</param>
    /// <exception cref="UserException">The rank is not 1 to C, or the lenses do not fit the
    /// device.</exception>
    public static LensSet Initial(
        LanguageModel model, LensOptions options, IReadOnlyList<int> layers, int positions)
    {
        LensSet lens = Empty(model, options, layers, positions);
        try
        {
            if (options.Kind == LensKind.Jacobian)
                foreach (int layer in layers)
                    ((JacobianLens)lens[layer]).SetIdentity();
            else if (options.Kind != LensKind.Logit)
            {
                var values = new LensInitialValues(model, options);
                foreach (int layer in layers)
                    values.Write(lens[layer]);
            }
            return lens;
        }
        catch
        {
            lens.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Returns the number of floats for one layer's parameters and the tensors derived from them.
    /// </summary>
    public static long Floats(LanguageModel model, LensOptions options, int positions)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(options);
        return TensorArena.Measure(model.Device, arena => Make(model, options, 0, arena, positions));
    }

    /// <summary>
    /// Returns the number of floats that training needs in addition to the parameters and the model's
    /// activations.
    /// </summary>
    internal static long TrainingFloats(
        LanguageModel model, LensOptions lens, LensTrainingOptions options, int layers)
    {
        long floats = 0;
        TensorArena.Measure(model.Device, arena => floats = LensTrainer.Floats(
            Make(model, lens, 0, arena, options.PositionsAtOnce(model.Config)), options, layers));
        return floats;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (TensorArena arena in _arenas)
            arena.Dispose();
    }

    /// <summary>Creates lenses whose parameters are zero, to be filled from a file.</summary>
    internal static LensSet Empty(
        LanguageModel model, LensOptions options, IReadOnlyList<int> layers, int positions)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(layers);
        options.RequireFits(model.Config);
        var lens = new LensSet(model, options, layers);
        try
        {
            if (options.Kind == LensKind.Logit)
                lens.AddUnembedding();
            else
                foreach (int layer in layers)
                {
                    var arena = new TensorArena(model.Device, Floats(model, options, positions),
                        $"the lens of layer {layer}");
                    lens._arenas.Add(arena);
                    lens._lenses[layer] = Make(model, options, layer, arena, positions);
                }
            return lens;
        }
        catch
        {
            lens.Dispose();
            throw;
        }
    }

    // All layers share one matrix.
    void AddUnembedding()
    {
        var values = new LensInitialValues(Model, Options);
        var arena = new TensorArena(Model.Device, Model.Weights.Head.Length + Model.Config.VocabSize + 64L,
            "the logit lens");
        _arenas.Add(arena);
        Tensor weight = arena.Upload("W_U", values.Weight, Model.Config.VocabSize, Model.Config.Width),
            bias = arena.Upload("b_U", values.Bias, Model.Config.VocabSize);
        foreach (int layer in Layers)
            _lenses[layer] = new UnembeddingLens(Model, Options, layer, weight, bias);
    }

    static LayerLens Make(
        LanguageModel model, LensOptions options, int layer, TensorArena arena, int positions)
        => options.Kind switch
        {
            LensKind.Head => new HeadLens(model, options, layer, arena, positions),
            LensKind.Thin => new ThinLens(model, options, layer, arena),
            LensKind.LowRank => new LowRankLens(model, options, layer, arena, positions),
            LensKind.Shared => new SharedLens(model, options, layer, arena),
            LensKind.Residual => new ResidualLens(model, options, layer, arena, positions),
            LensKind.Tuned => new TunedLens(model, options, layer, arena, positions),
            LensKind.Jacobian => new JacobianLens(model, options, layer, arena, positions),
            LensKind.Effect => new EffectLens(model, options, layer, arena, positions),
            _ => new UnembeddingLens(model, options, layer, arena.Cut("W_U", model.Config.VocabSize,
                model.Config.Width), arena.Cut("b_U", model.Config.VocabSize)),
        };
}
