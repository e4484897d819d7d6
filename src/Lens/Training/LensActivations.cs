using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Lens;

/// <summary>
/// Gathers activations at chosen positions of texts: what the lenses of several layers read there, and the
/// model's final stream. One forward pass of the model serves all layers.
/// </summary>
public sealed class LensActivations : IDisposable
{
    readonly LanguageModel _model;
    readonly ModelSession _session;
    readonly TensorArena _arena;
    readonly IndexTensor _ids;
    readonly Tensor _target;
    readonly Dictionary<Site, Tensor> _gathered;
    readonly IReadOnlyList<Site> _sites;

    /// <summary>Allocates memory for a number of positions and a session for the forward passes.</summary>
    /// <param name="model">The model; it must outlive this object.</param>
    /// <param name="layers">Layers whose activations are gathered.</param>
    /// <param name="kinds">Kinds of lenses that will read the activations.</param>
    /// <param name="maxRows">Largest number of rows of a forward pass.</param>
    /// <param name="maxTokens">T: largest number of tokens of a row.</param>
    /// <param name="positions">Largest number of gathered positions.</param>
    /// <exception cref="UserException">The memory does not fit the device.</exception>
    public LensActivations(LanguageModel model, IReadOnlyList<int> layers, IReadOnlyList<LensKind> kinds,
        int maxRows, int maxTokens, int positions)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(layers);
        (_model, Capacity) = (model, positions);
        _sites = SitesOf(model.Config, layers, kinds);
        _arena = new TensorArena(model.Device,
            TensorArena.Measure(model.Device, a => Cut(a, _sites, positions, model.Config.Width)),
            "what lenses look at");
        (_target, _ids, _gathered) = Cut(_arena, _sites, positions, model.Config.Width);
        try
        {
            _session = new ModelSession(model, Options(_sites, maxRows, maxTokens));
        }
        catch
        {
            _arena.Dispose();
            throw;
        }
    }

    /// <summary>Largest number of gathered positions.</summary>
    public int Capacity { get; }

    /// <summary>Number of positions gathered since <see cref="Clear"/>.</summary>
    public int Count { get; private set; }

    /// <summary>The model's logits at the gathered positions; they are computed on demand.</summary>
    public TargetLogits Target => new TargetLogits.Mapped(
        _target.Slice(_target.Name, 0, Count, _target.Columns), ModelHead(_model));

    /// <summary>[count, C]: the model's stream after the final LayerNorm at the gathered positions.</summary>
    public Tensor Normalized => _target.Slice(_target.Name, 0, Count, _target.Columns);

    /// <summary>Returns the model's own unembedding as a map.</summary>
    public static VocabularyMap ModelHead(LanguageModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        return new VocabularyMap(model.Weights.Head, model.Weights.HeadBias, Transposed: true);
    }

    /// <summary>Returns the number of floats that such an object needs.</summary>
    public static long Floats(LanguageModel model, IReadOnlyList<int> layers, IReadOnlyList<LensKind> kinds,
        int maxRows, int maxTokens, int positions)
    {
        ArgumentNullException.ThrowIfNull(model);
        Site[] sites = SitesOf(model.Config, layers, kinds);
        return (sites.Length + 1L) * positions * model.Config.Width + positions
            + ModelSession.Floats(model, Options(sites, maxRows, maxTokens));
    }

    /// <summary>Discards the gathered positions.</summary>
    public void Clear() => Count = 0;

    /// <summary>Runs the model on a batch and appends positions of it to the gathered ones.</summary>
    /// <param name="rows">Batch to run.</param>
    /// <param name="positions">Flat indices b T + t; none may be padding.</param>
    /// <exception cref="ArgumentException">There is no room for so many positions.</exception>
    public void Add(SequenceBatch rows, ReadOnlySpan<int> positions)
    {
        if (Count + positions.Length > Capacity)
            throw new ArgumentException(
                $"{positions.Length} positions after {Count}; there is room for {Capacity}.");
        if (positions.IsEmpty)
            return;
        _session.Forward(rows);
        IndexTensor ids = _ids.Slice("chosen positions", 0, positions.Length);
        ids.Upload(positions);
        Gather(ids, new Site(SiteKind.LnFinalNormalized), _target);
        foreach (Site site in _sites)
            Gather(ids, site, _gathered[site]);
        Count += positions.Length;
    }

    /// <summary>
    /// Returns what the lens of a layer reads at the gathered positions [first, first + count).
    /// </summary>
    public LensInputs Of(int layer, int first, int count)
    {
        Tensor? AtSite(Site site) => _gathered.TryGetValue(site, out Tensor? t)
            ? t.SliceRows(first, count) : null;
        Tensor? At(SiteKind kind) => AtSite(new Site(kind, layer));
        return new LensInputs(At(SiteKind.Z) ?? throw new ArgumentException($"layer {layer} is not read."),
            At(SiteKind.ResidPre), At(SiteKind.ResidMid))
        {
            Post = At(SiteKind.ResidPost), Last = AtSite(LastStream(_model.Config)),
        };
    }

    /// <summary>Returns what the lens of a layer reads at all gathered positions.</summary>
    public LensInputs Of(int layer) => Of(layer, 0, Count);

    /// <inheritdoc/>
    public void Dispose()
    {
        _session.Dispose();
        _arena.Dispose();
    }

    void Gather(IndexTensor ids, Site site, Tensor into)
    {
        int C = into.Columns;
        Tensor chosen = into.SliceRows(Count, checked((int)ids.Length));
        Recording recording = _session.Recordings[site];
        if (recording.Tensor is { } values)
        {
            _model.Ops.Gather(ids, values.Reshape(checked((int)(values.Length / C)), C), chosen);
            return;
        }
        float[] host = recording.ToArray(); // an edit of the next block's stream uses the same memory
        chosen.Upload([.. ids.ToArray().SelectMany(id => host.AsSpan(id * C, C).ToArray())]);
    }

    static (Tensor Target, IndexTensor Ids, Dictionary<Site, Tensor> Gathered) Cut(
        TensorArena arena, IReadOnlyList<Site> sites, int positions, int C) =>
        (arena.Cut("the model's last normalized stream", positions, C),
            arena.CutIndices("chosen positions", positions),
            sites.ToDictionary(s => s, s => arena.Cut($"{s} at chosen positions", positions, C)));

    static Site[] SitesOf(ModelConfig config, IReadOnlyList<int> layers, IReadOnlyList<LensKind> kinds)
        => [.. layers.SelectMany(l => kinds.SelectMany(LensInputs.Sites).Select(kind => new Site(kind, l)))
            .Concat(kinds.Contains(LensKind.Effect) ? [LastStream(config)] : []).Distinct()];

    static Site LastStream(ModelConfig config) => new(SiteKind.ResidPost, config.Layers - 1);

    static SessionOptions Options(
        IReadOnlyList<Site> sites, int maxRows, int maxTokens) => new()
    {
        MaxRows = maxRows, MaxTokens = maxTokens,
        Record = [.. sites, new Site(SiteKind.LnFinalNormalized)],
    };
}
