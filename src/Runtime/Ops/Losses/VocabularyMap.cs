using HeadTap.Kernels;

namespace HeadTap.Runtime;

/// <summary>
/// An affine map to the vocabulary, <c>logits = x W + b</c>, of which some columns alone can be computed.
/// </summary>
/// <param name="Weight">[K, V], or [V, K] when <paramref name="Transposed"/>, as the tied head's embedding
/// is.</param>
/// <param name="Bias">[V], or null for none.</param>
/// <param name="Transposed">Weight has a row for each token.</param>
public sealed record VocabularyMap(Tensor Weight, Tensor? Bias, bool Transposed)
{
    /// <summary>
    /// Where x's width lies within the weight's: one head's part of a map of several. All by default.
    /// </summary>
    public Range Part { get; init; } = Range.All;

    /// <summary>V, tokens in the vocabulary.</summary>
    public int VocabSize => Transposed ? Weight.Rows : Weight.Columns;

    /// <summary>K, the width of x.</summary>
    public int Width => Part.GetOffsetAndLength(WholeWidth).Length;

    int WholeWidth => Transposed ? Weight.Columns : Weight.Rows;

    // Steps in the weight from one k to the next, and from one token to the next.
    long KStep => Transposed ? 1 : VocabSize;

    long TokenStep => Transposed ? WholeWidth : 1;

    /// <summary>Writes logits [rows, n]: columns [first, first + n) of x W + b.</summary>
    /// <param name="ops">Runs it.</param>
    /// <param name="x">[rows, K]</param>
    /// <param name="first">The first token; 0 and n = V give whole rows.</param>
    /// <param name="logits">[rows, n]</param>
    /// <exception cref="ArgumentException">A shape does not fit.</exception>
    public void Logits(Ops ops, Tensor x, int first, Tensor logits)
        => Logits(ops, x, first, logits, accumulate: false);

    /// <summary>Adds columns [first, first + n) of x W into logits [rows, n].</summary>
    /// <exception cref="ArgumentException">A shape does not fit, or the map has a bias.</exception>
    internal void AddLogits(Ops ops, Tensor x, int first, Tensor logits)
        => Logits(ops, x, first, logits, accumulate: true);

    void Logits(Ops ops, Tensor x, int first, Tensor logits, bool accumulate)
    {
        ArgumentNullException.ThrowIfNull(ops);
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(logits);
        if (x.Columns != Width || x.Rows != logits.Rows || first < 0 || first > VocabSize - logits.Columns)
            throw new ArgumentException(
                $"{logits}, tokens from {first} on, must be some of {x} times {Weight}.");
        if (accumulate && Bias is not null)
            throw new ArgumentException("A map that adds to logits has no bias.");
        ops.Product(x, From(Weight, first), Bias?.Slice("bias", first, logits.Columns), logits,
            MatMulShape.VocabularyColumns(x.Rows, logits.Columns, Width, KStep, TokenStep, accumulate));
    }

    /// <summary>Writes <c>dX = dLogits W^T</c> for the first chunk, adds it for the others.</summary>
    /// <param name="ops">Runs it.</param>
    /// <param name="dLogits">[rows, n]: of tokens [first, first + n).</param>
    /// <param name="first">0 writes.</param>
    /// <param name="dX">[rows, K]</param>
    public void BackwardInput(Ops ops, Tensor dLogits, int first, Tensor dX)
        => ops.Product(dLogits, From(Weight, first), null, dX, MatMulShape.VocabularyColumnsInput(
            dX.Rows, dLogits.Columns, Width, KStep, TokenStep, accumulate: first > 0));

    /// <summary>
    /// Adds <c>x^T dLogits</c> into columns [first, first + n) of <paramref name="gradient"/>'s weight and
    /// the sums over rows into its bias; the map and its gradient have the same layout.
    /// </summary>
    internal static void BackwardWeights(Ops ops, Tensor x, Tensor dLogits, int first, VocabularyMap gradient)
    {
        int n = dLogits.Columns, K = gradient.Width;
        if (gradient.Transposed)
            ops.Product(dLogits, x, null, gradient.From(gradient.Weight, first),
                MatMulShape.WeightGradient(x.Rows, n, K));
        else
            ops.Product(x, dLogits, null, gradient.From(gradient.Weight, first),
                MatMulShape.WeightGradient(x.Rows, K, n) with { YRow = gradient.VocabSize });
        if (gradient.Bias is { } bias)
            ops.BiasGradient(dLogits, bias.Slice("dBias", first, n));
    }

    Tensor From(Tensor weight, int first)
    {
        long offset = first * TokenStep + Part.GetOffsetAndLength(WholeWidth).Offset * KStep;
        return weight.Slice(weight.Name, offset, checked((int)(weight.Length - offset)));
    }
}
