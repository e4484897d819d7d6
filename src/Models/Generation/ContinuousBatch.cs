using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>Tokens of one text that a pass runs: a part of its prompt, or the token that continues
/// it.</summary>
/// <param name="Row">The text's row of the cache.</param>
/// <param name="Start">Position of the first of the tokens; those before are in the cache.</param>
/// <param name="Tokens">Token ids.</param>
/// <param name="Length">Tokens of the text at this step: the whole prompt's while it is read, else those up
/// to and with this one.</param>
/// <param name="Step">The pass of the text's generation, as edits count them: 0 for the prompt.</param>
/// <param name="Logits">Logits are wanted of this many of the tokens, the last ones.</param>
public readonly record struct TextPiece(
    int Row, int Start, ReadOnlyMemory<int> Tokens, int Length, int Step, int Logits);

/// <summary>
/// Passes over tokens of several texts that come and go: each text has a row of a key/value cache, and a pass
/// runs parts of prompts and continuing tokens side by side (Yu et al. 2022, Orca, section 3: iteration-level
/// scheduling, selective batching).
/// </summary>
/// <remarks>
/// On the host a token has the same bits whatever runs beside it and however its prompt is cut into pieces:
/// those of a whole pass over the prompt, and those of <see cref="Generator"/> for tokens that continue it.
/// On GPUs the number of tokens of a pass decides the order of a product's sums.
/// </remarks>
public sealed class ContinuousBatch : IDisposable
{
    readonly LanguageModel _model;
    readonly PassContext _pass;
    readonly TensorArena _cacheArena, _arena;
    readonly KeyValueCache _cache;
    Packed? _packed;

    /// <summary>Room for texts.</summary>
    /// <param name="model">The model.</param>
    /// <param name="rows">Texts at once.</param>
    /// <param name="capacity">Tokens of a text.</param>
    /// <param name="maxTokens">Tokens of a pass.</param>
    /// <param name="maxLogits">Tokens of a pass whose logits may be asked for.</param>
    /// <exception cref="UserException">It does not fit the device, or the context is shorter.</exception>
    public ContinuousBatch(LanguageModel model, int rows, int capacity, int maxTokens, int maxLogits)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(maxTokens);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(maxLogits);
        new SessionOptions { MaxRows = rows, MaxTokens = capacity }.RequireFits(model.Config);
        (_model, Rows, Capacity, MaxTokens) = (model, rows, capacity, maxTokens);
        MaxLogits = Math.Min(maxLogits, maxTokens);
        _pass = new PassContext(model, [], []);
        (long cache, long pass) = Floats(model, rows, capacity, maxTokens, MaxLogits);
        _cacheArena = new TensorArena(model.Device, cache, "the key/value cache");
        _cache = new KeyValueCache(_cacheArena, model.Ops, model.Config, rows, capacity);
        try
        {
            _arena = new TensorArena(model.Device, pass, "activations of packed tokens");
        }
        catch (UserException)
        {
            _cacheArena.Dispose();
            throw;
        }
    }

    /// <summary>Texts that there is room for.</summary>
    public int Rows { get; }

    /// <summary>Tokens of a text.</summary>
    public int Capacity { get; }

    /// <summary>Tokens of a pass.</summary>
    public int MaxTokens { get; }

    /// <summary>Tokens of a pass whose logits may be asked for.</summary>
    public int MaxLogits { get; }

    /// <summary>Floats that the cache and a pass take, without allocating any.</summary>
    public static (long Cache, long Pass) Floats(
        LanguageModel model, int rows, int capacity, int maxTokens, int maxLogits)
    {
        ArgumentNullException.ThrowIfNull(model);
        KeyValueCache? cache = null;
        using var pass = new PassContext(model, [], []);
        long kept = TensorArena.Measure(model.Device,
            a => cache = new KeyValueCache(a, model.Ops, model.Config, rows, capacity));
        long run = TensorArena.Measure(model.Device,
            a => _ = new Packed(a, model, pass, cache!, rows, maxTokens, maxLogits));
        return (kept, run);
    }

    /// <summary>Runs pieces of texts. Edits that are attached name texts by their rows.</summary>
    /// <param name="pieces">Each of another row.</param>
    /// <returns>[logits wanted, V]: piece by piece, token by token.</returns>
    /// <exception cref="ArgumentException">Pieces do not fit.</exception>
    /// <exception cref="UserException">A token is outside the vocabulary, or an edit does not
    /// fit.</exception>
    public float[] Run(IReadOnlyList<TextPiece> pieces)
    {
        ArgumentNullException.ThrowIfNull(pieces);
        Require(pieces);
        // Continuing tokens first; each piece keeps its place in the result.
        int[] order = [.. pieces.Index().OrderBy(p => Continues(p.Item) ? 0 : 1).Select(p => p.Index)];
        int N = pieces.Sum(p => p.Tokens.Length), wanted = pieces.Sum(p => p.Logits);
        int[] tokens = new int[N], positions = new int[N], rows = new int[N], lengths = new int[N],
            steps = new int[N];
        var first = new int[pieces.Count];
        int at = 0, continuing = 0;
        foreach (int i in order)
        {
            TextPiece p = pieces[i];
            first[i] = at;
            continuing += Continues(p) ? 1 : 0;
            for (int t = 0; t < p.Tokens.Length; t++, at++)
                (tokens[at], positions[at], rows[at], lengths[at], steps[at]) =
                    (p.Tokens.Span[t], p.Start + t, p.Row, p.Length, p.Step);
        }
        if (_packed is null || _packed.N != N || _packed.M != wanted)
        {
            _arena.Reset();
            _packed = new Packed(_arena, _model, _pass, _cache, Rows, N, wanted);
        }
        int[] logitsOf = [.. pieces.SelectMany((p, i) =>
            Enumerable.Range(first[i] + p.Tokens.Length - p.Logits, p.Logits))];
        _pass.Begin(new BatchShape(N, 1, lengths, 0, Capacity)
        {
            Packed = new PackedTokens(Rows, rows, positions, steps),
        });
        return _packed.Run(tokens, positions, rows, continuing, logitsOf);
    }

    /// <summary>Copies keys and values of a text's tokens out of the cache: [L, 2, H, count, D].</summary>
    /// <param name="row">The text's row.</param>
    /// <param name="start">The first position.</param>
    /// <param name="count">Tokens.</param>
    public float[] Read(int row, int start, int count)
    {
        float[] values = new float[(long)2 * _model.Config.Layers * count * _model.Config.Width];
        int at = 0;
        foreach (Tensor piece in Pieces(row, start, count))
        {
            piece.Download(values.AsSpan(at, (int)piece.Length));
            at += (int)piece.Length;
        }
        return values;
    }

    /// <summary>Puts keys and values that <see cref="Read"/> gave into the cache.</summary>
    /// <param name="row">The text's row.</param>
    /// <param name="start">The first position.</param>
    /// <param name="count">Tokens.</param>
    /// <param name="values">[L, 2, H, count, D]</param>
    public void Write(int row, int start, int count, ReadOnlySpan<float> values)
    {
        int at = 0;
        foreach (Tensor piece in Pieces(row, start, count))
        {
            piece.Upload(values.Slice(at, (int)piece.Length));
            at += (int)piece.Length;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _pass.Dispose();
        _arena.Dispose();
        _cacheArena.Dispose();
    }

    static bool Continues(TextPiece piece) => piece.Step > 0;

    IEnumerable<Tensor> Pieces(int row, int start, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(start + count, Capacity);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(row, Rows);
        (int H, int D) = (_model.Config.Heads, _model.Config.HeadWidth);
        for (int l = 0; l < _model.Config.Layers; l++)
            foreach (Tensor cached in (Tensor[])[_cache.Keys[l], _cache.Values[l]])
                for (int h = 0; h < H; h++)
                    yield return cached.Slice(cached.Name, (((long)row * H + h) * Capacity + start) * D,
                        count, D);
    }

    void Require(IReadOnlyList<TextPiece> pieces)
    {
        var rows = new HashSet<int>();
        int tokens = 0, logits = 0;
        foreach (TextPiece p in pieces)
        {
            if (p.Row < 0 || p.Row >= Rows || !rows.Add(p.Row))
                throw new ArgumentException($"Row {p.Row} is named twice or is none of {Rows}.");
            if (p.Start < 0 || p.Tokens.Length == 0 || p.Start + p.Tokens.Length > Capacity
                || p.Start + p.Tokens.Length > p.Length)
                throw new ArgumentException($"{p.Tokens.Length} tokens from {p.Start} do not fit a text of "
                    + $"{p.Length} and a cache of {Capacity}.");
            if (p.Logits < 0 || p.Logits > p.Tokens.Length || (p.Step > 0 && p.Tokens.Length != 1))
                throw new ArgumentException("A continuing piece is one token, and logits are of its tokens.");
            foreach (int token in p.Tokens.Span)
                if (token < 0 || token >= _model.Config.VocabSize)
                    throw new UserException($"token id {token} is outside the model's vocabulary, 0 to "
                        + $"{_model.Config.VocabSize - 1}");
            (tokens, logits) = (tokens + p.Tokens.Length, logits + p.Logits);
        }
        if (tokens == 0 || tokens > MaxTokens || logits > MaxLogits)
            throw new ArgumentException($"{tokens} tokens and logits of {logits}; expected 1 to {MaxTokens} "
                + $"and at most {MaxLogits}.");
    }

    // Everything of one number of tokens and of logits.
    sealed class Packed
    {
        readonly DecoderActivations _a;
        readonly PackedAttention _attention;
        readonly DecoderForward _forward;
        readonly DecoderHead _head;
        readonly IndexTensor _ids;
        readonly Tensor _hidden, _logits;
        readonly LanguageModel _model;
        readonly PassContext _pass;

        internal Packed(TensorArena arena, LanguageModel model, PassContext pass, KeyValueCache cache,
            int texts, int N, int M)
        {
            (this.N, this.M, _model, _pass) = (N, M, model, pass);
            _a = new DecoderActivations(arena, model.Config, N, 1, keep: false, new HashSet<Site>());
            _attention = new PackedAttention(model, pass, arena, cache, texts, N);
            _forward = new DecoderForward(model, _a, pass, _attention);
            _head = new DecoderHead(model);
            _ids = arena.CutIndices("tokens with logits", M);
            _hidden = arena.Cut("tokens with logits", M, model.Config.Width);
            _logits = arena.Cut("logits", M, model.Config.VocabSize);
        }

        internal int N { get; }

        internal int M { get; }

        internal float[] Run(int[] tokens, int[] positions, int[] rows, int continuing, int[] logitsOf)
        {
            _a.Tokens.Upload(tokens);
            _a.Positions.Upload(positions);
            _attention.Load(rows, continuing);
            if (_pass.Sites.Edits(SiteKind.Logits, 0))
                return RunWithEditedLogits(logitsOf);
            _forward.Run();
            if (M == 0)
                return [];
            _ids.Upload(logitsOf);
            _model.Ops.Gather(_ids, _a.LnFinal, _hidden);
            _head.Logits(_hidden, _logits);
            return _logits.ToArray();
        }

        // Edits name tokens by their rows of the pass, so all of them need logits.
        float[] RunWithEditedLogits(int[] logitsOf)
        {
            int V = _model.Config.VocabSize;
            _forward.Run();
            Tensor all = _pass.Memory.Cut("logits", N, V);
            _head.Logits(_a.LnFinal, all);
            _pass.Sites.At(SiteKind.Logits, 0, all);
            float[] logits = new float[(long)M * V];
            for (int m = 0; m < M; m++)
                all.SliceRows(logitsOf[m], 1).Download(logits.AsSpan(m * V, V));
            return logits;
        }
    }
}
