using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>
/// The memory of a <see cref="ModelSession"/> for one batch size, and the passes over it.
/// </summary>
sealed class SessionLayout
{
    readonly List<int> _counted = []; // positions that have a target

    /// <param name="arena">Reset before; holds everything.</param>
    /// <param name="model">The model that runs.</param>
    /// <param name="options">What the session makes room for.</param>
    /// <param name="B">Rows of the batch.</param>
    /// <param name="T">Tokens of a row, padding included.</param>
    /// <param name="pass">The session's passes.</param>
    /// <param name="cache">Filled with keys and values by each pass; null for none.</param>
    internal SessionLayout(TensorArena arena, LanguageModel model, SessionOptions options, int B, int T,
        PassContext pass, KeyValueCache? cache)
    {
        ModelConfig config = model.Config;
        int rows = B * T, C = config.Width, V = config.VocabSize;
        (this.B, this.T) = (B, T);
        Activations = new DecoderActivations(arena, config, B, T, options.Backward, pass.Sites.Recorded);
        pass.Sites.CutCopies(arena, B, T, T, SiteRecorder.NeedsCopy);
        pass.GradientSites.CutCopies(arena, B, T, T, _ => true);
        var attention = new FullAttention(model, pass, options.Backward, cache);
        Forward = new DecoderForward(model, Activations, pass, attention);
        Head = new DecoderHead(model);
        if (options.Logits == LogitsAt.All || pass.Sites.Records(SiteKind.Logits, 0))
            AllLogits = arena.Cut("logits", B, T, V);
        if (options.Logits == LogitsAt.Last)
            Last = new LastRows(arena.CutIndices("last rows", B),
                arena.Cut("hidden state of last rows", B, C), arena.Cut("logits of last rows", B, V));
        Logits = options.Logits == LogitsAt.All ? AllLogits : Last?.Logits;
        if (Last is { } last && !options.Backward && T > 1 && model.Device.IsHost)
            LastTokens = new LastTokenPass(arena, model, Forward, Activations, pass, attention, last.Ids);
        CountedRows = arena.CutIndices("counted rows", rows);
        Targets = arena.CutIndices("targets", rows);
        AllTargets = arena.CutIndices("targets of all rows", rows);
        Losses = arena.Cut("losses", rows);
        Compact = arena.Cut("counted rows", rows, C);
        Chunk = arena.Cut("logits of a chunk", DecoderHead.ChunkRows(config, rows), V);
        if (options.Backward)
            Backward = new SessionBackward(arena, model, this, pass, attention);
    }

    internal int B { get; }
    internal int T { get; }
    internal DecoderActivations Activations { get; }
    internal DecoderForward Forward { get; }
    internal DecoderHead Head { get; }

    /// <summary>Continues with last tokens alone; null where all rows go on.</summary>
    internal LastTokenPass? LastTokens { get; }

    /// <summary>Null in a session without gradients.</summary>
    internal SessionBackward? Backward { get; }

    /// <summary>What the options ask for: [B, T, V], [B, V] or null.</summary>
    internal Tensor? Logits { get; }

    /// <summary>[B, T, V]; null unless asked for or recorded.</summary>
    internal Tensor? AllLogits { get; }

    /// <summary>Null unless the options ask for the logits of last tokens.</summary>
    internal LastRows? Last { get; }

    /// <summary>[B T, C]: the final LayerNorm's output of the rows that have a target, in front.</summary>
    internal Tensor Compact { get; }

    /// <summary>[B T]</summary>
    internal Tensor Losses { get; }

    /// <summary>Logits of as many rows as are held at once.</summary>
    internal Tensor Chunk { get; }

    internal IndexTensor CountedRows { get; }
    internal IndexTensor Targets { get; }
    internal IndexTensor AllTargets { get; }

    /// <summary>Number of positions that have a target.</summary>
    internal int Counted => _counted.Count;

    /// <summary>Positions that have a target, of [B T].</summary>
    internal IReadOnlyList<int> CountedPositions => _counted;

    internal void Load(SequenceBatch rows)
    {
        Activations.Tokens.Upload(rows.Padded());
        Activations.Positions.Upload(rows.Positions());
        Activations.Lengths.Upload(rows.Lengths);
        Last?.Ids.Upload([.. rows.Lengths.Select((length, b) => b * T + length - 1)]);
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

    /// <summary>The weights of the loaded targets: of rows with a target, or of all rows.</summary>
    internal float[] WeightsOfRows(ReadOnlySpan<float> weights, bool counted)
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
        return factors;
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

/// <summary>The last token of each row of a batch.</summary>
/// <param name="Ids">[B]: its row among the batch's [B T].</param>
/// <param name="Hidden">[B, C]: the final LayerNorm's output.</param>
/// <param name="Logits">[B, V]</param>
sealed record LastRows(IndexTensor Ids, Tensor Hidden, Tensor Logits);
