using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>What a pass recorded at a site.</summary>
public sealed class Recording
{
    readonly Tensor? _tensor;
    readonly float[]? _values;
    readonly bool _reciprocal;

    internal Recording(int[] shape, Tensor tensor, bool reciprocal = false)
        => (Shape, _tensor, _reciprocal) = (shape, tensor, reciprocal);

    internal Recording(int[] shape, float[] values) => (Shape, _values) = (shape, values);

    /// <summary>Batch axis first; see <see cref="SiteKind"/>.</summary>
    public int[] Shape { get; }

    /// <summary>
    /// The values on the device while the session lives; null where they are only on the host.
    /// </summary>
    public Tensor? Tensor => _reciprocal ? null : _tensor;

    /// <summary>The values, row-major, on the host.</summary>
    public float[] ToArray()
    {
        float[] values = _values is not null ? (float[])_values.Clone() : _tensor!.ToArray();
        if (_reciprocal) // LayerNorm keeps 1 / sqrt(var + eps); the site is its inverse
            for (int i = 0; i < values.Length; i++)
                values[i] = 1f / values[i];
        return values;
    }
}

/// <summary>
/// Applies edits and keeps recordings as a pass comes to its sites. A site not in use costs a lookup.
/// </summary>
sealed class SiteRecorder
{
    readonly LanguageModel _model;
    readonly HashSet<Site> _recorded;
    readonly Dictionary<Site, Tensor> _copies = [];
    readonly SiteRecordings _recordings;
    CompiledEdits? _program;
    BatchShape _batch;

    /// <param name="model">The model.</param>
    /// <param name="recorded">The sites to record.</param>
    /// <param name="option">The option that lists them, for messages.</param>
    internal SiteRecorder(LanguageModel model, IEnumerable<Site> recorded, string option)
        => (_model, _recorded, _recordings) = (model, [.. recorded], new SiteRecordings(option));

    internal IReadOnlySet<Site> Recorded => _recorded;

    /// <summary>Whether no activation keeps a site's values for itself: they are strided, used again, or made
    /// on request.</summary>
    internal static bool NeedsCopy(SiteKind kind) => kind is SiteKind.Embed or SiteKind.PosEmbed or SiteKind.Q
        or SiteKind.K or SiteKind.V or SiteKind.Scores or SiteKind.Pattern or SiteKind.Result;

    internal IReadOnlyDictionary<Site, Recording> Recordings => _recordings;

    /// <summary>Cuts memory for the sites whose values do not stay in an activation of their own.</summary>
    internal void CutCopies(TensorArena arena, int B, int T, int keys, Func<SiteKind, bool> copied)
    {
        _copies.Clear();
        foreach (Site site in _recorded.Order())
            if (copied(site.Kind))
                _copies[site] = arena.Cut($"recorded {site}",
                    SiteLayout.Of(site.Kind, _model.Config, B, T, keys).Shape);
    }

    /// <summary>
    /// The memory of a recorded site that no activation holds: results and patterns are written there.
    /// </summary>
    internal Tensor? Copy(Site site) => _copies.GetValueOrDefault(site);

    internal void Begin(in BatchShape batch, CompiledEdits? program)
    {
        _recordings.Clear();
        (_batch, _program) = (batch, program);
    }

    internal bool Records(SiteKind kind, int layer)
        => _recorded.Count > 0 && _recorded.Contains(new Site(kind, layer));

    internal bool Edits(SiteKind kind, int layer)
        => _program is not null && _program.Touches(new Site(kind, layer));

    /// <summary>Edits of a site that the op before it applies; null where <see cref="At"/> does.</summary>
    internal FusedZEdits? Stored(SiteKind kind, int layer) => _program?.Stored(new Site(kind, layer));

    internal bool Uses(SiteKind kind, int layer) => Records(kind, layer) || Edits(kind, layer);

    /// <summary>Whether anything after a site is recorded or edited.</summary>
    internal bool UsesAfter(Site site) => _recorded.Any(s => s > site) || _program?.LastSite > site;

    /// <summary>The pass is at a site: <paramref name="x"/> holds its values.</summary>
    internal void At(SiteKind kind, int layer, Tensor x)
    {
        if (_program is null && _recorded.Count == 0)
            return;
        var site = new Site(kind, layer);
        _program?.Apply(site, x);
        if (_recorded.Contains(site))
            Record(site, x);
    }

    /// <summary>The same for a gradient in a backward pass.</summary>
    internal void AtGradient(SiteKind kind, int layer, Tensor dX, CompiledEdits? program)
    {
        var site = new Site(kind, layer);
        if (_recorded.Contains(site))
            Record(site, dX);
        program?.ApplyBackward(site, dX);
    }

    void Record(Site site, Tensor x)
    {
        SiteLayout layout = SiteLayout.Of(site.Kind, _model.Config, _batch.B, _batch.T, _batch.Keys);
        if (_copies.TryGetValue(site, out Tensor? copy))
        {
            if (layout.Dense && !ReferenceEquals(x, copy))
                _model.Ops.Copy(x, copy);
            else if (!layout.Dense)
                _model.Ops.CopyColumns(x, copy.Reshape(x.Rows, layout.Width), layout.Column);
            _recordings[site] = new Recording(layout.Shape, copy);
        }
        else if (site.Kind == SiteKind.ResidPost && Edits(SiteKind.ResidPre, site.Layer + 1))
            // the next block edits the same memory
            _recordings[site] = new Recording(layout.Shape, x.ToArray());
        else
            _recordings[site] = new Recording(layout.Shape, x,
                site.Kind is SiteKind.Ln1Scale or SiteKind.Ln2Scale or SiteKind.LnFinalScale);
    }
}
