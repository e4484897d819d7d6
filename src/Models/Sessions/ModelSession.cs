using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>
/// The activations of a model for batches up to a size, and the passes over them. Sessions of one model may
/// live side by side; one session runs one pass at a time.
/// </summary>
public sealed partial class ModelSession : IDisposable
{
    readonly LanguageModel _model;
    readonly SessionOptions _options;
    readonly TensorArena _arena;
    readonly PassContext _pass;
    readonly KeyValueCache? _cache;
    SessionLayout? _layout;
    bool _canGoBack;

    /// <summary>Room for a batch of the largest size in <paramref name="options"/>.</summary>
    /// <exception cref="UserException">It does not fit the device, or the context is shorter.</exception>
    public ModelSession(LanguageModel model, SessionOptions options) : this(model, options, null) { }

    internal ModelSession(LanguageModel model, SessionOptions options, KeyValueCache? cache)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(options);
        options.RequireFits(model.Config);
        (_model, _options, _cache) = (model, options, cache);
        _pass = PassOf(model, options);
        _arena = new TensorArena(model.Device, Floats(model, options), "activations");
    }

    /// <summary>The model it runs.</summary>
    public LanguageModel Model => _model;

    /// <summary>The logits of the last forward pass: [B, V] or [B, T, V] by the options.</summary>
    public Tensor Logits
        => _layout?.Logits ?? throw new InvalidOperationException("This session makes no logits.");

    /// <summary>What the last pass recorded.</summary>
    public IReadOnlyDictionary<Site, Recording> Recordings => _pass.Sites.Recordings;

    /// <summary>
    /// The gradients that the last backward pass recorded at <see cref="SessionOptions.RecordGradients"/>:
    /// dL/d(value as recorded, after edits).
    /// </summary>
    public IReadOnlyDictionary<Site, Recording> SiteGradients => _pass.GradientSites.Recordings;

    /// <summary>Floats that a session with these options takes, without allocating any.</summary>
    public static long Floats(LanguageModel model, SessionOptions options)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(options);
        using PassContext pass = PassOf(model, options);
        return TensorArena.Measure(model.Device, arena =>
            _ = new SessionLayout(arena, model, options, options.MaxRows, options.MaxTokens, pass, null));
    }

    /// <summary>Runs a batch of rows of unequal length; each row gives what it gives alone.</summary>
    /// <exception cref="UserException">A row is empty or too long, or a token is outside the
    /// vocabulary.</exception>
    public void Forward(SequenceBatch rows) => ForwardStep(rows, 0, null);

    /// <summary>
    /// Resumes a pass: logits and recordings are those of the whole pass, to the bit of one with as many
    /// rows.
    /// Sites below are not recorded.
    /// </summary>
    /// <param name="rows">The same tokens as in the pass that gave the values.</param>
    /// <param name="from">The place and its values.</param>
    /// <exception cref="ArgumentException">The values do not fit.</exception>
    /// <exception cref="InvalidOperationException">An edit is attached below.</exception>
    public void ForwardFrom(SequenceBatch rows, ResumePoint from)
    {
        SessionLayout layout = Resume(rows, from);
        FinishedPass done = RunToLogits(layout, from);
        done.RequireFinite(_model, _options, rows, 0, null);
    }

    SessionLayout Resume(SequenceBatch rows, ResumePoint from)
    {
        ArgumentNullException.ThrowIfNull(rows);
        ArgumentNullException.ThrowIfNull(from);
        if (_cache is not null)
            throw new InvalidOperationException("A cache would keep the blocks below as they were.");
        from.RequireFits(_model.Config, rows);
        SessionLayout layout = Prepare(rows);
        if (_pass.Program?.FirstSite is { } first && first <= from.LastSkipped)
            throw new InvalidOperationException(
                $"An edit at {first} lies below block {from.Layer}, where the pass goes on.");
        from.Load(layout.Activations);
        return layout;
    }

    // One step of a generation that runs the whole text each time: see BatchShape.Prompts.
    internal void ForwardStep(SequenceBatch rows, int step, int[]? prompts)
    {
        SessionLayout layout = Prepare(rows, step, prompts);
        FinishedPass done = RunToLogits(layout, null);
        done.RequireFinite(_model, _options, rows, step, prompts);
        _canGoBack = layout.Backward is not null;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _pass.Dispose();
        _arena.Dispose();
    }

    static PassContext PassOf(LanguageModel model, SessionOptions options)
        => new(model, options.Record, options.RecordGradients)
        {
            StoresEdited = !options.Backward && options.RecordGradients.Count == 0,
        };

    SessionLayout Prepare(SequenceBatch rows, int step = 0, int[]? prompts = null)
    {
        ArgumentNullException.ThrowIfNull(rows);
        rows.Validate(_model.Config);
        if (rows.B > _options.MaxRows || rows.T > _options.MaxTokens)
            throw new ArgumentException(
                $"A batch of {rows.B} x {rows.T} is larger than this session's {_options.MaxRows} x "
                + $"{_options.MaxTokens}.");
        _canGoBack = false;
        if (_layout is null || _layout.B != rows.B || _layout.T != rows.T)
        {
            _arena.Reset();
            _layout = new SessionLayout(_arena, _model, _options, rows.B, rows.T, _pass, _cache);
        }
        _layout.Load(rows);
        _pass.Begin(new BatchShape(rows.B, rows.T, rows.Lengths, step, rows.T, prompts));
        return _layout;
    }

    FinishedPass RunToLogits(SessionLayout layout, ResumePoint? from)
    {
        if (layout.LastTokens is { } lastTokens && lastTokens.Applies(from))
        {
            lastTokens.Run(from);
            layout.Head.Logits(lastTokens.Hidden, layout.Last!.Logits);
            return new FinishedPass(layout.Last.Logits, lastTokens.Rstd);
        }
        layout.Forward.Run(from);
        Tensor hidden = layout.Activations.LnFinal;
        int V = _model.Config.VocabSize;
        if (layout.AllLogits is not null
            || (layout.Last is not null && _pass.Sites.Edits(SiteKind.Logits, 0)))
        {
            Tensor all = layout.AllLogits ?? _pass.Memory.Cut("logits", layout.B, layout.T, V);
            layout.Head.Logits(hidden, all.Reshape(hidden.Rows, V));
            _pass.Sites.At(SiteKind.Logits, 0, all);
            if (layout.Last is { } last)
                _model.Ops.Gather(last.Ids, all.Reshape(hidden.Rows, V), last.Logits);
        }
        else if (layout.Last is { } last)
        {
            _model.Ops.Gather(last.Ids, hidden, last.Hidden);
            layout.Head.Logits(last.Hidden, last.Logits);
        }
        return new FinishedPass(layout.Logits ?? layout.AllLogits ?? hidden, layout.Activations.LnFinalRstd);
    }
}
