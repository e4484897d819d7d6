namespace HeadTap.Runtime;

/// <summary>
/// The activations of a model for batches up to a size, and the passes over them. Sessions of one model may live
/// side by side; one session runs one pass at a time.
/// </summary>
public sealed class Gpt2Session : IDisposable
{
    readonly Gpt2Model _model;
    readonly SessionOptions _options;
    readonly TensorArena _arena;
    readonly PassMemory _memory;
    readonly SiteRecorder _sites, _gradientSites;
    readonly KeyValueCache? _cache;
    Layout? _layout;
    EditProgram? _program;

    /// <summary>Room for a batch of the largest size in <paramref name="options"/>.</summary>
    /// <exception cref="UserException">It does not fit the device, or the context is shorter.</exception>
    public Gpt2Session(Gpt2Model model, SessionOptions options) : this(model, options, null) { }

    internal Gpt2Session(Gpt2Model model, SessionOptions options, KeyValueCache? cache)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(options);
        if (options.MaxTokens < 1 || options.MaxTokens > model.Config.ContextLength)
            throw new UserException($"{options.MaxTokens} tokens asked for; the model's context is "
                + $"{model.Config.ContextLength}, and at least one token is needed");
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(options.MaxRows);
        if ((long)options.MaxRows * options.MaxTokens > Array.MaxLength)
            throw new UserException($"a batch of {options.MaxRows} x {options.MaxTokens} tokens is more than can be "
                + $"counted; expected at most {Array.MaxLength} tokens: use fewer rows");
        if (options.RecordGradients.FirstOrDefault(s => s.Kind is SiteKind.Ln1Scale or SiteKind.Ln2Scale
                or SiteKind.LnFinalScale) is { Kind: not SiteKind.Embed } scale)
            throw new UserException($"{scale} has no gradient of its own; ask for the normalized output's");
        (_model, _options, _cache) = (model, options, cache);
        _memory = new PassMemory(model.Device);
        _sites = new SiteRecorder(model, options.Record);
        _gradientSites = new SiteRecorder(model, options.RecordGradients);
        long floats = Floats(model, options);
        _arena = new TensorArena(model.Device, floats, "activations");
    }

    /// <summary>The model it runs.</summary>
    public Gpt2Model Model => _model;

    /// <summary>The logits of the last forward pass: [B, V] or [B, T, V] by the options.</summary>
    public Tensor Logits => _layout?.Logits ?? throw new InvalidOperationException("This session makes no logits.");

    /// <summary>What the last pass recorded.</summary>
    public IReadOnlyDictionary<Site, Recording> Recordings => _sites.Recordings;

    /// <summary>The gradients that the last backward pass recorded: dL/d(value as recorded, after edits).</summary>
    public IReadOnlyDictionary<Site, Recording> Gradients => _gradientSites.Recordings;

    /// <summary>Floats that a session with these options takes, without allocating any.</summary>
    public static long Floats(Gpt2Model model, SessionOptions options)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(options);
        return TensorArena.Measure(model.Device, arena =>
            _ = new Layout(arena, model, options, options.MaxRows, options.MaxTokens,
                new SiteRecorder(model, options.Record), new SiteRecorder(model, options.RecordGradients)));
    }

    /// <summary>Runs a batch of rows of unequal length; each row gives what it gives alone.</summary>
    /// <exception cref="UserException">A row is empty or too long, or a token is outside the vocabulary.</exception>
    public void Forward(SequenceBatch rows) => ForwardStep(rows, 0, null);

    // One pass of a generation that runs the whole text each time: see BatchShape.Prompts.
    internal void ForwardStep(SequenceBatch rows, int step, int[]? prompts)
    {
        Layout layout = Prepare(rows, step, prompts);
        RunForward(layout);
        RunLogits(layout);
    }

    /// <summary>Mean cross-entropy, in nats, of the tokens that have a target; no gradients.</summary>
    /// <param name="rows">The batch.</param>
    /// <param name="targets">[B T]: the next token of each position, or -1 where none is counted.</param>
    public double Loss(SequenceBatch rows, ReadOnlySpan<int> targets)
    {
        Layout layout = Prepare(rows);
        RunForward(layout);
        return RunLoss(layout, targets, null, 0f).Sum / Math.Max(layout.Counted, 1);
    }

    /// <summary>
    /// Sum of the cross-entropies of the tokens that have a target, and how many they are. Adds the gradient of
    /// <paramref name="scale"/> times the sum into <paramref name="gradients"/>.
    /// </summary>
    /// <param name="rows">The batch.</param>
    /// <param name="targets">[B T]: the next token of each position, or -1 where none is counted.</param>
    /// <param name="gradients">Of the trained parameters; added into.</param>
    /// <param name="scale">1 / (number of counted tokens) for the mean.</param>
    public (double Sum, int Count) ForwardBackward(
        SequenceBatch rows, ReadOnlySpan<int> targets, Gpt2Gradients gradients, float scale)
    {
        ArgumentNullException.ThrowIfNull(gradients);
        if (!_options.Backward)
            throw new InvalidOperationException("This session was made without Backward.");
        Layout layout = Prepare(rows);
        RunForward(layout);
        (double sum, int count) = RunLoss(layout, targets, gradients, scale);
        layout.Backward!.Program = _program;
        layout.Backward.Run(gradients);
        return (sum, count);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _program?.Dispose();
        _memory.Dispose();
        _arena.Dispose();
    }

    Layout Prepare(SequenceBatch rows, int step = 0, int[]? prompts = null)
    {
        ArgumentNullException.ThrowIfNull(rows);
        rows.Validate(_model.Config);
        if (rows.B > _options.MaxRows || rows.T > _options.MaxTokens)
            throw new ArgumentException(
                $"A batch of {rows.B} x {rows.T} is larger than this session's {_options.MaxRows} x {_options.MaxTokens}.");
        if (_layout is null || _layout.B != rows.B || _layout.T != rows.T)
        {
            _arena.Reset();
            _layout = new Layout(_arena, _model, _options, rows.B, rows.T, _sites, _gradientSites);
            _layout.Connect(_model, _sites, _gradientSites, _memory, _cache);
        }
        _layout.Load(rows);
        _program?.Dispose();
        _program = null;
        _memory.Clear();
        var batch = new BatchShape(rows.B, rows.T, rows.Lengths, step, rows.T, prompts);
        _program = EditProgram.For(_model, batch);
        _sites.Begin(batch, _program);
        _gradientSites.Begin(batch, null);
        _layout.Attention!.Batch = batch;
        _layout.Attention.Begin();
        return _layout;
    }

    static void RunForward(Layout layout) => layout.Forward!.Run();

    void RunLogits(Layout layout)
    {
        Tensor hidden = layout.Activations.LnFinal;
        int V = _model.Config.VocabSize;
        if (layout.AllLogits is not null || (layout.LastLogits is not null && _sites.Edits(SiteKind.Logits, 0)))
        {
            Tensor all = layout.AllLogits ?? _memory.Cut("logits", layout.B, layout.T, V);
            layout.Head.Logits(hidden, all.Reshape(hidden.Rows, V));
            _sites.At(SiteKind.Logits, 0, all);
            if (layout.LastLogits is { } last)
                _model.Ops.Gather(layout.LastRows, all.Reshape(hidden.Rows, V), last);
        }
        else if (layout.LastLogits is { } last)
        {
            _model.Ops.Gather(layout.LastRows, hidden, layout.LastHidden!);
            layout.Head.Logits(layout.LastHidden!, last);
        }
    }

    (double Sum, int Count) RunLoss(Layout layout, ReadOnlySpan<int> targets, Gpt2Gradients? gradients, float scale)
    {
        Ops ops = _model.Ops;
        int V = _model.Config.VocabSize;
        layout.LoadTargets(targets, V);
        Gpt2BackwardMemory? d = gradients is null ? null : layout.BackwardMemory;
        double sum;
        if (_sites.Uses(SiteKind.Logits, 0) || _gradientSites.Records(SiteKind.Logits, 0))
            sum = LossThroughLogits(layout, gradients, scale);
        else
        {
            int n = layout.Counted;
            Tensor x = layout.Compact.Slice("counted rows", 0, n, _model.Config.Width);
            IndexTensor ids = layout.CountedRows.Slice("ids of counted rows", 0, n);
            Tensor losses = layout.Losses.Slice("losses", 0, n);
            ops.Gather(ids, layout.Activations.LnFinal, x);
            Tensor? dX = d is null ? null : layout.CompactGradient!.Slice("gradient of counted rows", 0, n, x.Columns);
            layout.Head.Loss(x, layout.Targets.Slice("targets", 0, n), losses, layout.Chunk, dX,
                gradients?.Named, scale);
            if (d is not null)
            {
                ops.Fill(d.LnFinal, 0f);
                ops.ScatterAdd(ids, dX!, d.LnFinal);
            }
            sum = losses.ToArray().Sum(loss => (double)loss);
        }
        return (sum, layout.Counted);
    }

    // Somebody records or edits logits, so the loss is taken of what stands there.
    double LossThroughLogits(Layout layout, Gpt2Gradients? gradients, float scale)
    {
        Ops ops = _model.Ops;
        int rows = layout.B * layout.T, V = _model.Config.VocabSize;
        Tensor logits = layout.AllLogits ?? _memory.Cut("logits", layout.B, layout.T, V);
        Tensor flat = logits.Reshape(rows, V);
        layout.Head.Logits(layout.Activations.LnFinal, flat);
        _sites.At(SiteKind.Logits, 0, logits);
        Tensor? dLogits = gradients is null ? null : _memory.Cut("gradient of the logits", rows, V);
        ops.CrossEntropy(flat, layout.AllTargets, layout.Losses, dLogits, scale);
        if (dLogits is not null)
        {
            _gradientSites.AtGradient(SiteKind.Logits, 0, dLogits, _program);
            layout.Head.Backward(layout.Activations.LnFinal, dLogits, layout.BackwardMemory!.LnFinal, gradients!.Named);
        }
        return layout.Losses.ToArray().Sum(loss => (double)loss);
    }

    /// <summary>Everything cut for one batch size.</summary>
    sealed class Layout
    {
        readonly bool _backward;

        internal Layout(TensorArena arena, Gpt2Model model, SessionOptions options, int B, int T,
            SiteRecorder sites, SiteRecorder gradientSites)
        {
            Gpt2Config config = model.Config;
            int rows = B * T, C = config.Width, V = config.VocabSize;
            (this.B, this.T, _backward) = (B, T, options.Backward);
            Activations = new Gpt2Activations(arena, config, B, T, options.Backward, sites.Recorded);
            sites.CutCopies(arena, B, T, T, SiteRecorder.NeedsCopy);
            gradientSites.CutCopies(arena, B, T, T, _ => true);
            Head = new Gpt2Head(model);
            if (options.Logits == LogitsAt.All || sites.Records(SiteKind.Logits, 0))
                AllLogits = arena.Cut("logits", B, T, V);
            if (options.Logits == LogitsAt.Last)
            {
                LastLogits = arena.Cut("logits of last rows", B, V);
                LastHidden = arena.Cut("hidden state of last rows", B, C);
            }
            Logits = options.Logits == LogitsAt.All ? AllLogits : LastLogits;
            LastRows = arena.CutIndices("last rows", B);
            CountedRows = arena.CutIndices("counted rows", rows);
            Targets = arena.CutIndices("targets", rows);
            AllTargets = arena.CutIndices("targets of all rows", rows);
            Losses = arena.Cut("losses", rows);
            Compact = arena.Cut("counted rows", rows, C);
            Chunk = arena.Cut("logits of a chunk", Gpt2Head.ChunkRows(config, rows), V);
            if (!options.Backward)
                return;
            CompactGradient = arena.Cut("gradient of counted rows", rows, C);
            BackwardMemory = new Gpt2BackwardMemory(arena, config, B, T);
        }

        internal int B { get; }
        internal int T { get; }
        internal Gpt2Activations Activations { get; }
        internal Gpt2Head Head { get; }
        internal Gpt2BackwardMemory? BackwardMemory { get; }
        internal FullAttention? Attention { get; private set; }
        internal Gpt2Forward? Forward { get; private set; }
        internal Gpt2Backward? Backward { get; private set; }
        internal Tensor? Logits { get; }
        internal Tensor? AllLogits { get; }
        internal Tensor? LastLogits { get; }
        internal Tensor? LastHidden { get; }
        internal Tensor Compact { get; }
        internal Tensor? CompactGradient { get; }
        internal Tensor Losses { get; }
        internal Tensor Chunk { get; }
        internal IndexTensor LastRows { get; }
        internal IndexTensor CountedRows { get; }
        internal IndexTensor Targets { get; }
        internal IndexTensor AllTargets { get; }
        internal int Counted { get; private set; }

        internal void Connect(Gpt2Model model, SiteRecorder sites, SiteRecorder gradientSites, PassMemory memory,
            KeyValueCache? cache)
        {
            Attention = new FullAttention(model, memory, cache, gradientSites.Recorded) { Keep = _backward };
            Forward = new Gpt2Forward(model, Activations, sites, Attention);
            if (BackwardMemory is { } d)
                Backward = new Gpt2Backward(model, Activations, sites, Attention, d, gradientSites, memory);
        }

        internal void Load(SequenceBatch rows)
        {
            Activations.Tokens.Upload(rows.Padded());
            Activations.Positions.Upload(rows.Positions());
            Activations.Lengths.Upload(rows.Lengths);
            LastRows.Upload([.. rows.Lengths.Select((length, b) => b * T + length - 1)]);
        }

        internal void LoadTargets(ReadOnlySpan<int> targets, int V)
        {
            if (targets.Length != B * T)
                throw new ArgumentException($"{targets.Length} targets for {B} x {T} tokens.");
            var rows = new List<int>();
            var counted = new List<int>();
            for (int i = 0; i < targets.Length; i++)
            {
                if (targets[i] >= V)
                    throw new UserException($"target {targets[i]} is outside the vocabulary of {V}");
                if (targets[i] < 0)
                    continue;
                rows.Add(i);
                counted.Add(targets[i]);
            }
            Counted = rows.Count;
            if (Counted == 0)
                throw new UserException("no token of the batch has a target: a text needs at least two tokens");
            CountedRows.Slice("", 0, Counted).Upload([.. rows]);
            Targets.Slice("", 0, Counted).Upload([.. counted]);
            AllTargets.Upload(targets);
        }
    }
}
