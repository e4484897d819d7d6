namespace HeadTap.Kernels;

/// <summary>
/// Sizes and strides of one product <c>y[i, j] (+)= sum_k x(i, k) weight(k, j) + bias[j]</c>, in floats. A
/// transposed operand is one whose two strides are exchanged; a part of a tensor is one whose row stride is
/// longer than its row.
/// </summary>
/// <param name="M">Rows of y.</param>
/// <param name="N">Columns of y.</param>
/// <param name="K">Terms of each sum; 0 leaves the bias, or zeros.</param>
/// <param name="XRow">Floats from x(i, k) to x(i + 1, k).</param>
/// <param name="XColumn">Floats from x(i, k) to x(i, k + 1).</param>
/// <param name="WRow">Floats from weight(k, j) to weight(k + 1, j).</param>
/// <param name="WColumn">Floats from weight(k, j) to weight(k, j + 1).</param>
/// <param name="YRow">Floats from y[i, j] to y[i + 1, j]; its columns are contiguous.</param>
/// <param name="Accumulate">1 to add into y, 0 to write it.</param>
public readonly record struct MatMulShape(
    int M, int N, int K, long XRow, long XColumn, long WRow, long WColumn, long YRow, int Accumulate)
{
    /// <summary>
    /// On ILGPU devices: terms that one group sums where they are cut into parts, a multiple of 16; 0 when
    /// each sum is made whole. Sums of part p then go to y + p M N (<see cref="MatMulPartsKernels"/>).
    /// </summary>
    public int PartTerms { get; init; }

    /// <summary>
    /// True when the terms are rows of a batch, as in a weight's gradient: no row of y belongs to a row of
    /// the batch.
    /// </summary>
    public bool SumsOverRows => XKStrided;

    /// <summary>
    /// True when x's neighbours in memory are rows (<see cref="Kernels.KStrided"/>), not terms.
    /// </summary>
    public bool XKStrided => KStrided(XColumn, XRow);

    /// <summary>
    /// True when the weight's neighbours in memory are columns (<see cref="Kernels.KStrided"/>), not terms.
    /// </summary>
    public bool WeightKStrided => KStrided(WRow, WColumn);

    /// <summary>
    /// Whether an operand's lines (rows of x, columns of the weight) are neighbours in memory rather than its
    /// terms. Where no stride is 1 either layout is right, number by number.
    /// </summary>
    /// <param name="termStride">Floats from a term to the next.</param>
    /// <param name="lineStride">Floats from a line to the next.</param>
    public static bool KStrided(long termStride, long lineStride) => termStride != 1 && lineStride == 1;

    /// <summary>x[M, K] @ weight[K, N], all contiguous.</summary>
    public static MatMulShape Plain(int M, int N, int K, bool accumulate)
        => new(M, N, K, K, 1, N, 1, N, accumulate ? 1 : 0);

    /// <summary>x[M, K] @ weight[N, K]^T, all contiguous.</summary>
    public static MatMulShape Transposed(int M, int N, int K, bool accumulate)
        => new(M, N, K, K, 1, 1, K, N, accumulate ? 1 : 0);

    /// <summary>x[rows, K]^T @ dY[rows, N], added into dWeight[K, N], all contiguous.</summary>
    public static MatMulShape WeightGradient(int rows, int K, int N) => new(K, N, rows, 1, K, N, 1, N, 1);

    /// <summary>
    /// One head's result: its D = C / H columns of z[rows, C] times its rows of weight[C, C], into its part
    /// of result[rows, H, C].
    /// </summary>
    public static MatMulShape HeadResults(int rows, int C, int H)
        => new(rows, C, C / H, C, 1, C, 1, (long)H * C, 0);

    /// <summary>As <see cref="HeadResults"/>, for a result[rows, C] of one head alone.</summary>
    public static MatMulShape HeadResult(int rows, int C, int H) => new(rows, C, C / H, C, 1, C, 1, C, 0);

    /// <summary>
    /// The gradient of <see cref="HeadResults"/> by z: one head's dResult[rows, H, C] times its rows of
    /// weight[C, C] transposed, into its columns of dZ[rows, C].
    /// </summary>
    public static MatMulShape HeadResultsInput(int rows, int C, int H)
        => new(rows, C / H, C, (long)H * C, 1, 1, C, C, 0);

    /// <summary>
    /// The gradient of <see cref="HeadResults"/> by the weight: one head's columns of z[rows, C] transposed,
    /// times its dResult[rows, H, C], added into its rows of dWeight[C, C].
    /// </summary>
    public static MatMulShape HeadResultsWeight(int rows, int C, int H)
        => new(C / H, C, rows, 1, C, (long)H * C, 1, C, 1);

    /// <summary>
    /// Some columns of a map to the vocabulary: x[rows, K] times N tokens of a weight with any strides, into
    /// logits[rows, N].
    /// </summary>
    /// <param name="rows">Rows of x.</param>
    /// <param name="N">Tokens computed.</param>
    /// <param name="K">Width of x.</param>
    /// <param name="termStride">Floats in the weight from one k to the next.</param>
    /// <param name="tokenStride">Floats in the weight from one token to the next.</param>
    /// <param name="accumulate">Adds into the logits.</param>
    public static MatMulShape VocabularyColumns(
        int rows, int N, int K, long termStride, long tokenStride, bool accumulate = false)
        => new(rows, N, K, K, 1, termStride, tokenStride, N, accumulate ? 1 : 0);

    /// <summary>
    /// The gradient of <see cref="VocabularyColumns"/> by x: dLogits[rows, N] times those tokens of the
    /// weight transposed, into dX[rows, K].
    /// </summary>
    /// <param name="rows">Rows of x.</param>
    /// <param name="N">Tokens of the chunk.</param>
    /// <param name="K">Width of x.</param>
    /// <param name="termStride">Floats in the weight from one k to the next.</param>
    /// <param name="tokenStride">Floats in the weight from one token to the next.</param>
    /// <param name="accumulate">Adds into dX.</param>
    public static MatMulShape VocabularyColumnsInput(
        int rows, int N, int K, long termStride, long tokenStride, bool accumulate)
        => new(rows, K, N, N, 1, tokenStride, termStride, K, accumulate ? 1 : 0);
}
