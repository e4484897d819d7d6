namespace HeadTap.Kernels;

/// <summary>
/// Sizes and strides of one product <c>y[i, j] (+)= sum_k x(i, k) weight(k, j) + bias[j]</c>, in floats. A
/// transposed operand is one whose two strides are exchanged; a part of a tensor is one whose row stride is
/// longer than its row.
/// </summary>
/// <param name="M">Rows of y.</param>
/// <param name="N">Columns of y.</param>
/// <param name="K">Terms of each sum; 0 leaves the bias, or zeros.</param>
/// <param name="XRow">From x(i, k) to x(i + 1, k).</param>
/// <param name="XColumn">From x(i, k) to x(i, k + 1).</param>
/// <param name="WRow">From weight(k, j) to weight(k + 1, j).</param>
/// <param name="WColumn">From weight(k, j) to weight(k, j + 1).</param>
/// <param name="YRow">From y[i, j] to y[i + 1, j]; its columns are contiguous.</param>
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
    public bool SumsOverRows => XRow == 1 && XColumn != 1;

    /// <summary>x[M, K] @ weight[K, N], all contiguous.</summary>
    public static MatMulShape Plain(int M, int N, int K, bool accumulate)
        => new(M, N, K, K, 1, N, 1, N, accumulate ? 1 : 0);

    /// <summary>x[M, K] @ weight[N, K]^T, all contiguous.</summary>
    public static MatMulShape Transposed(int M, int N, int K, bool accumulate)
        => new(M, N, K, K, 1, 1, K, N, accumulate ? 1 : 0);

    /// <summary>x[rows, K]^T @ dY[rows, N], added into dWeight[K, N], all contiguous.</summary>
    public static MatMulShape WeightGradient(int rows, int K, int N) => new(K, N, rows, 1, K, N, 1, N, 1);
}
