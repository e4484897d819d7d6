using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>
/// Everything that a <see cref="ModelSession"/> cuts for one batch size, and the passes over it.
/// </summary>
sealed class SessionLayout
{
    static readonly HashSet<Site> NoSites = [];

    readonly bool _backward;
    readonly List<int> _counted = []; // positions that have a target

    internal SessionLayout(TensorArena arena, LanguageModel model, SessionOptions options, int B, int T,
        SiteRecorder sites, SiteRecorder gradientSites)
    {
        ModelConfig config = model.Config;
        int rows = B * T, C = config.Width, V = config.VocabSize;
        (this.B, this.T, _backward) = (B, T, options.Backward);
        Activations = new DecoderActivations(arena, config, B, T, options.Backward, sites.Recorded);
        sites.CutCopies(arena, B, T, T, SiteRecorder.NeedsCopy);
        gradientSites.CutCopies(arena, B, T, T, _ => true);
        Head = new DecoderHead(model);
        if (options.Logits == LogitsAt.All || sites.Records(SiteKind.Logits, 0))
            AllLogits = arena.Cut("logits", B, T, V);
        if (options.Logits == LogitsAt.Last)
        {
            LastLogits = arena.Cut("logits of last rows", B, V);
            LastHidden = arena.Cut("hidden state of last rows", B, C);
        }
        Logits = options.Logits == LogitsAt.All ? AllLogits : LastLogits;
        LastRowIds = arena.CutIndices("last rows", B);
        // On GPUs the number of rows decides the order of a product's sums: there all rows go on.
        if (LastLogits is not null && !options.Backward && T > 1 && model.Device.IsHost)
            LastRows = new LastRows(LastRowIds, new DecoderActivations(arena, config, B, 1, false, NoSites));
        CountedRows = arena.CutIndices("counted rows", rows);
        Targets = arena.CutIndices("targets", rows);
        AllTargets = arena.CutIndices("targets of all rows", rows);
        Losses = arena.Cut("losses", rows);
        Compact = arena.Cut("counted rows", rows, C);
        Chunk = arena.Cut("logits of a chunk", DecoderHead.ChunkRows(config, rows), V);
        if (!options.Backward)
            return;
        CompactGradient = arena.Cut("gradient of counted rows", rows, C);
        RowFactors = arena.Cut("factors of rows", rows);
        BackwardMemory = new BackwardMemory(arena, config, B, T);
    }

    internal int B { get; }
    internal int T { get; }
    internal DecoderActivations Activations { get; }
    internal DecoderHead Head { get; }
    internal BackwardMemory? BackwardMemory { get; }
    internal FullAttention? Attention { get; private set; }
    internal DecoderForward? Forward { get; private set; }
    internal DecoderBackward? Backward { get; private set; }
    internal Tensor? Logits { get; }
    internal Tensor? AllLogits { get; }
    internal Tensor? LastLogits { get; }
    internal Tensor? LastHidden { get; }
    internal Tensor Compact { get; }
    internal Tensor? CompactGradient { get; }
    internal Tensor Losses { get; }
    internal Tensor? RowFactors { get; }
    internal Tensor Chunk { get; }
    internal IndexTensor LastRowIds { get; }
    internal LastRows? LastRows { get; }
    internal IndexTensor CountedRows { get; }
    internal IndexTensor Targets { get; }
    internal IndexTensor AllTargets { get; }
    internal int Counted => _counted.Count;

    internal void Connect(LanguageModel model, SiteRecorder sites,
        SiteRecorder gradientSites, PassMemory memory,
        KeyValueCache? cache)
    {
        Attention = new FullAttention(model, memory, cache, gradientSites.Recorded) { Keep = _backward };
        Forward = new DecoderForward(model, Activations, sites, Attention, LastRows);
        if (BackwardMemory is { } d)
            Backward = new DecoderBackward(model, Activations, sites, Attention, d, gradientSites, memory);
    }

    internal void Load(SequenceBatch rows)
    {
        Activations.Tokens.Upload(rows.Padded());
        Activations.Positions.Upload(rows.Positions());
        Activations.Lengths.Upload(rows.Lengths);
        LastRowIds.Upload([.. rows.Lengths.Select((length, b) => b * T + length - 1)]);
    }

    internal void LoadTargets(ReadOnlySpan<int> targets, int V)
    {
        if (targets.Length != B * T)
            throw new ArgumentException($"{targets.Length} targets for {B} x {T} tokens.");
        _counted.Clear();
        var tokens = new List<int>();
        for (int i = 0; i < targets.Length; i++)
        {
            if (targets[i] >= V)
                throw new UserException($"target {targets[i]} is outside the vocabulary of {V}");
            if (targets[i] < 0)
                continue;
            _counted.Add(i);
            tokens.Add(targets[i]);
        }
        if (Counted == 0)
            throw new UserException(
                "no token of the batch has a target: a text needs at least two tokens");
        CountedRows.Slice("", 0, Counted).Upload([.. _counted]);
        Targets.Slice("", 0, Counted).Upload([.. tokens]);
        AllTargets.Upload([.. targets.ToArray().Select(target => Math.Max(target, -1))]);
    }

    /// <summary>The weights of the targets loaded, of counted rows alone or of all.</summary>
    internal Tensor LoadWeights(ReadOnlySpan<float> weights, bool counted)
    {
        if (weights.Length != B * T)
            throw new ArgumentException($"{weights.Length} weights for {B} x {T} tokens.");
        float[] factors = new float[counted ? Counted : B * T];
        for (int k = 0; k < _counted.Count; k++)
        {
            int i = _counted[k];
            if (!float.IsFinite(weights[i]))
                throw new ArgumentException(
                    $"The weight of position {i} is {weights[i]}; expected a number.");
            factors[counted ? k : i] = weights[i];
        }
        return Factors(factors);
    }

    /// <summary>1 for every token of the batch, 0 for padding.</summary>
    internal Tensor LoadRealRows(SequenceBatch rows)
        => Factors([.. Enumerable.Range(0, B * T).Select(i => i % T < rows.Lengths[i / T] ? 1f : 0f)]);

    Tensor Factors(float[] factors)
    {
        Tensor used = RowFactors!.Slice("factors of rows", 0, factors.Length);
        used.Upload(factors);
        return used;
    }

    /// <summary>Values of the counted rows at their positions: [B T], 0 elsewhere.</summary>
    internal float[] AtCounted(float[] values)
    {
        float[] all = new float[B * T];
        for (int i = 0; i < values.Length; i++)
            all[_counted[i]] = values[i];
        return all;
    }
}
