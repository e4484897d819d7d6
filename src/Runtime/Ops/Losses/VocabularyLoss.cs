namespace HeadTap.Runtime;

/// <summary>
/// Cross-entropy and KL divergence of <c>logits = x W + b</c>, computed in chunks of the vocabulary: no row
/// of logits or probabilities is ever whole. Memory is <see cref="ScratchFloats"/> for any vocabulary; W and
/// its gradient are read and written once.
/// </summary>
/// <remarks>
/// The gradient needs the softmax's denominator, so logits are computed twice: 4 products where held logits
/// take 3. For GPT-2's own head, whose weight is small beside its logits, chunks of rows are better and need
/// no second product (<c>DecoderHead</c>; docs/design/0006). Sums over the vocabulary are made chunk by chunk
/// in order; the chunk does not depend on the rows, so neither do a row's bits.
/// </remarks>
public sealed class VocabularyLoss
{
    /// <summary>Columns of a chunk by default: 4,096 of GPT-2's 50,257.</summary>
    public const int DefaultChunk = 4096;

    readonly Ops ops;
    readonly VocabularyKl _kl;
    readonly Tensor _chunk, _statistics;

    /// <summary>Cuts the scratch memory from an arena.</summary>
    /// <param name="ops">The device's ops.</param>
    /// <param name="scratch">The arena; <see cref="ScratchFloats"/> floats are cut from it.</param>
    /// <param name="rows">Rows of x at most.</param>
    /// <param name="chunk">Columns of a chunk; part of the result's rounding.</param>
    public VocabularyLoss(Ops ops, TensorArena scratch, int rows, int chunk = DefaultChunk)
    {
        ArgumentNullException.ThrowIfNull(ops);
        ArgumentNullException.ThrowIfNull(scratch);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(chunk);
        this.ops = ops;
        Rows = rows;
        Chunk = chunk;
        _kl = new VocabularyKl(ops, scratch, rows, chunk);
        (_chunk, _statistics) = (_kl.ChunkLogits, _kl.Statistics);
    }

    /// <summary>Rows of x at most.</summary>
    public int Rows { get; }

    /// <summary>Columns of a chunk.</summary>
    public int Chunk { get; }

    /// <summary>Floats of scratch memory, before an arena's alignment.</summary>
    public static long ScratchFloats(int rows, int chunk = DefaultChunk)
        => VocabularyKl.ScratchFloats(rows, chunk);

    /// <summary>
    /// Writes <c>losses = -log softmax(x W + b)[target]</c>; with <paramref name="dX"/> or
    /// <paramref name="gradient"/> also the gradient of <paramref name="gradientScale"/> times their sum.
    /// </summary>
    /// <param name="x">[rows, K]</param>
    /// <param name="map">W and b.</param>
    /// <param name="targets">[rows]; -1 is not counted, other values outside the vocabulary give NaN.</param>
    /// <param name="losses">[rows], in nats</param>
    /// <param name="dX">[rows, K], written; or null.</param>
    /// <param name="gradient">dW and db, added into, in the layout of <paramref name="map"/>; or
    /// null.</param>
    /// <param name="gradientScale">1 / counted rows for the gradient of the mean.</param>
    /// <exception cref="ArgumentException">A shape does not fit.</exception>
    public void CrossEntropy(
        Tensor x, VocabularyMap map, IndexTensor targets, Tensor losses,
        Tensor? dX, VocabularyMap? gradient, float gradientScale)
    {
        Check(x, map, dX, gradient);
        Tensor statistics = _statistics.Slice("softmax statistics", 0, x.Rows, 3);
        foreach ((int first, int n) in VocabularyKl.Chunks(map.VocabSize, Chunk))
            ops.CrossEntropyChunk(Logits(x, map, first, _chunk, n), targets, statistics, losses, first);
        if (dX is null && gradient is null)
            return;
        foreach ((int first, int n) in VocabularyKl.Chunks(map.VocabSize, Chunk))
        {
            Tensor logits = Logits(x, map, first, _chunk, n);
            ops.CrossEntropyChunkGradient(targets, statistics, logits, first, gradientScale);
            Backward(x, map, first, logits, dX, gradient);
        }
    }

    /// <summary>
    /// Writes <c>losses = KL(softmax(target) || softmax(x W + b))</c>; with <paramref name="dX"/> or
    /// <paramref name="gradient"/> also the gradient of <paramref name="gradientScale"/> times their sum.
    /// </summary>
    /// <param name="target">The distribution to be matched, as logits: held, or made chunk by chunk.</param>
    /// <param name="x">[rows, K]</param>
    /// <param name="map">W and b.</param>
    /// <param name="losses">[rows], in nats</param>
    /// <param name="dX">[rows, K], written; or null.</param>
    /// <param name="gradient">dW and db, added into, in the layout of <paramref name="map"/>; or
    /// null.</param>
    /// <param name="gradientScale">1 / rows for the gradient of the mean.</param>
    /// <exception cref="ArgumentException">A shape does not fit.</exception>
    public void KlDivergence(
        TargetLogits target, Tensor x, VocabularyMap map, Tensor losses,
        Tensor? dX, VocabularyMap? gradient, float gradientScale)
    {
        Check(x, map, dX, gradient);
        Action<int, Tensor>? backward = null;
        if (dX is not null || gradient is not null)
            backward = (first, dLogits) => Backward(x, map, first, dLogits, dX, gradient);
        _kl.Run(target, [new KlTerm(x, map, losses, backward)], gradientScale);
    }

    Tensor Logits(Tensor x, VocabularyMap map, int first, Tensor into, int n)
    {
        Tensor logits = into.Slice(into.Name, 0, x.Rows, n);
        map.Logits(ops, x, first, logits);
        return logits;
    }

    void Backward(Tensor x, VocabularyMap map, int first, Tensor dLogits, Tensor? dX, VocabularyMap? gradient)
    {
        if (dX is not null)
            map.BackwardInput(ops, dLogits, first, dX);
        if (gradient is not null)
            VocabularyMap.BackwardWeights(ops, x, dLogits, first, gradient);
    }

    void Check(Tensor x, VocabularyMap map, Tensor? dX, VocabularyMap? gradient)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(map);
        if (x.Columns != map.Width)
            throw new ArgumentException($"{x} must have {map.Width} columns, as {map.Weight} asks.");
        if (x.Rows > Rows)
            throw new ArgumentException(
                $"{x} has more than the {Rows} rows that scratch memory was cut for.");
        if (map.Bias is { } bias && bias.Length != map.VocabSize)
            throw new ArgumentException($"{bias} must have a value for each of the {map.VocabSize} tokens.");
        if (dX is not null && dX.Length != x.Length)
            throw new ArgumentException($"{dX} must have the shape of {x}.");
        if (gradient is not null
            && (gradient.Transposed != map.Transposed || gradient.Weight.Rows != map.Weight.Rows
                || gradient.Weight.Columns != map.Weight.Columns
                || (gradient.Bias is { } dBias && dBias.Length != map.VocabSize)))
            throw new ArgumentException($"{gradient.Weight} must have the layout of {map.Weight}.");
    }
}
