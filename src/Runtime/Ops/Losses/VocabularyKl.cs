namespace HeadTap.Runtime;

/// <summary>
/// KL divergences of several maps' distributions from one target's, the vocabulary in chunks of columns: the
/// lenses of all layers against the model's own words. See <see cref="VocabularyLoss"/>, which is the case of
/// one map.
/// </summary>
/// <remarks>
/// Memory and time by rows. Up to <see cref="HeldFloats"/> the logits of whole rows are held, so that each is
/// computed once; above it, one chunk at a time, computed once for the softmax's denominator and again for
/// the gradient. Both give the same bits: the chunks and the order of sums are the same (docs/design/0006).
/// </remarks>
public sealed class VocabularyKl
{
    /// <summary>Floats of logits that are held rather than computed twice: 16 MiB.</summary>
    internal const long HeldFloats = 4L << 20;

    const int StatisticsPerRow = 5;

    readonly Ops ops;
    readonly int _heldVocabulary;
    readonly Tensor _logits, _target, _statistics;

    /// <summary>Cuts the scratch memory from an arena.</summary>
    /// <param name="ops">The device's ops.</param>
    /// <param name="scratch">The arena; <see cref="ScratchFloats"/> floats are cut from it.</param>
    /// <param name="rows">Rows at most.</param>
    /// <param name="chunk">Columns of a chunk; part of the result's rounding.</param>
    /// <param name="terms">Maps at most.</param>
    /// <param name="vocabulary">V where whole rows may be held; 0 to hold one chunk always.</param>
    public VocabularyKl(Ops ops, TensorArena scratch, int rows, int chunk = VocabularyLoss.DefaultChunk,
        int terms = 1, int vocabulary = 0)
    {
        ArgumentNullException.ThrowIfNull(ops);
        ArgumentNullException.ThrowIfNull(scratch);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(chunk);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(terms);
        this.ops = ops;
        (Rows, Chunk, Terms) = (rows, chunk, terms);
        bool held = Holds(rows, vocabulary);
        _heldVocabulary = held ? vocabulary : 0;
        int columns = held ? vocabulary : chunk;
        _logits = scratch.Cut("logits of a chunk", rows, columns);
        _target = scratch.Cut("target logits of a chunk", rows, columns);
        _statistics = scratch.Cut("softmax statistics", terms, rows, StatisticsPerRow);
    }

    /// <summary>Rows at most.</summary>
    public int Rows { get; }

    /// <summary>Columns of a chunk.</summary>
    public int Chunk { get; }

    /// <summary>Maps at most.</summary>
    internal int Terms { get; }

    internal Tensor ChunkLogits => _logits;

    internal Tensor Statistics => _statistics;

    /// <summary>Floats of scratch memory, before an arena's alignment.</summary>
    internal static long ScratchFloats(int rows, int chunk = VocabularyLoss.DefaultChunk, int terms = 1,
        int vocabulary = 0)
        => rows * (2L * (Holds(rows, vocabulary) ? vocabulary : chunk) + (long)terms * StatisticsPerRow);

    /// <summary>
    /// Writes each term's <c>losses = KL(softmax(target) || softmax(x W + b))</c>, and hands out the gradient
    /// of <paramref name="gradientScale"/> times their sum.
    /// </summary>
    /// <param name="target">The distribution to be matched, as logits: held, or made chunk by chunk.</param>
    /// <param name="terms">The maps; each x has as many rows.</param>
    /// <param name="gradientScale">1 / rows for the gradient of the mean.</param>
    /// <exception cref="ArgumentException">A shape does not fit.</exception>
    public void Run(TargetLogits target, IReadOnlyList<KlTerm> terms, float gradientScale)
    {
        ArgumentNullException.ThrowIfNull(target);
        ArgumentNullException.ThrowIfNull(terms);
        if (terms.Count == 0)
            return;
        int V = terms[0].Map.VocabSize, rows = terms[0].X.Rows;
        foreach (KlTerm term in terms)
            Check(target, term, rows, V);
        if (terms.Count > Terms)
            throw new ArgumentException($"{terms.Count} maps; scratch memory was cut for {Terms}.");
        if (_heldVocabulary >= V)
            RunHeld(target, terms, gradientScale, rows, V);
        else
            RunInChunks(target, terms, gradientScale, rows, V);
    }

    /// <summary>First column and columns of each chunk.</summary>
    internal static IEnumerable<(int First, int Count)> Chunks(int V, int chunk)
    {
        for (int first = 0; first < V; first += chunk)
            yield return (first, Math.Min(chunk, V - first));
    }

    static bool Holds(int rows, int vocabulary) => (long)rows * vocabulary <= HeldFloats && vocabulary > 0;

    // One map after the other; a chunk [rows, n] lies at rows times its first column.
    void RunHeld(TargetLogits target, IReadOnlyList<KlTerm> terms, float gradientScale, int rows, int V)
    {
        foreach ((int first, int n) in Chunks(V, Chunk))
            Target(target, first, Piece(_target, rows, first, n));
        for (int i = 0; i < terms.Count; i++)
        {
            foreach ((int first, int n) in Chunks(V, Chunk))
                AccumulateLoss(terms[i], i, TargetPiece(target, rows, first, n),
                    Logits(terms[i], first, Piece(_logits, rows, first, n)), first);
            terms[i].LossesKnown?.Invoke();
            if (terms[i].Gradient is not null)
                foreach ((int first, int n) in Chunks(V, Chunk))
                    WriteGradient(terms[i], i, TargetPiece(target, rows, first, n),
                        Piece(_logits, rows, first, n), first, gradientScale);
        }
    }

    void RunInChunks(TargetLogits target, IReadOnlyList<KlTerm> terms, float gradientScale, int rows, int V)
    {
        foreach ((int first, int n) in Chunks(V, Chunk))
        {
            Tensor words = Target(target, first, Piece(_target, rows, 0, n));
            for (int i = 0; i < terms.Count; i++)
                AccumulateLoss(
                    terms[i], i, words, Logits(terms[i], first, Piece(_logits, rows, 0, n)), first);
        }
        foreach (KlTerm term in terms)
            term.LossesKnown?.Invoke();
        if (terms.All(t => t.Gradient is null))
            return;
        foreach ((int first, int n) in Chunks(V, Chunk))
        {
            Tensor words = Target(target, first, Piece(_target, rows, 0, n));
            for (int i = 0; i < terms.Count; i++)
                if (terms[i].Gradient is not null)
                    WriteGradient(terms[i], i, words, Logits(terms[i], first, Piece(_logits, rows, 0, n)),
                        first, gradientScale);
        }
    }

    void AccumulateLoss(KlTerm term, int index, Tensor target, Tensor logits, int first)
        => ops.KlDivergenceChunk(target, logits, StatisticsOf(term, index), term.Losses, first);

    void WriteGradient(KlTerm term, int index, Tensor target, Tensor logits, int first, float gradientScale)
    {
        ops.KlDivergenceChunkGradient(target, StatisticsOf(term, index), logits, first, gradientScale);
        term.Gradient!(first, logits);
    }

    Tensor StatisticsOf(KlTerm term, int index) => _statistics.Slice(_statistics.Name,
        (long)index * Rows * StatisticsPerRow, term.X.Rows, StatisticsPerRow);

    Tensor Logits(KlTerm term, int first, Tensor into)
    {
        if (term.Base is not { } below)
        {
            term.Map.Logits(ops, term.X, first, into);
            return into;
        }
        below.Map.Logits(ops, below.X, first, into);
        term.Map.AddLogits(ops, term.X, first, into);
        return into;
    }

    // The target as the losses take it: whole rows where it is held, else a chunk.
    Tensor Target(TargetLogits target, int first, Tensor into)
    {
        if (target is TargetLogits.Held held)
            return held.Logits;
        var mapped = (TargetLogits.Mapped)target;
        mapped.Map.Logits(ops, mapped.X, first, into);
        return into;
    }

    Tensor TargetPiece(TargetLogits target, int rows, int first, int n)
        => target is TargetLogits.Held held ? held.Logits : Piece(_target, rows, first, n);

    static Tensor Piece(Tensor scratch, int rows, int first, int n)
        => scratch.Slice(scratch.Name, (long)rows * first, rows, n);

    void Check(TargetLogits target, KlTerm term, int rows, int V)
    {
        if (term.X.Rows != rows || term.Map.VocabSize != V || term.X.Columns != term.Map.Width)
            throw new ArgumentException(
                $"{term.X} and {term.Map.Weight} must give logits [{rows}, {V}].");
        if (rows > Rows)
            throw new ArgumentException(
                $"{term.X} has more than the {Rows} rows that scratch memory was cut for.");
        target.Check(rows, V);
        term.Base?.Check(rows, V);
    }
}
