// AdamW with a factored second moment: 4 bytes a weight beside the weight and a row and a column of numbers.
//
//     R_i  = beta2 * R_i + (1 - beta2) * mean_j g_ij^2
//     C_j  = beta2 * C_j + (1 - beta2) * mean_i g_ij^2
//     v_ij = R_i C_j / mean_i R_i
//     w, m   as AdamWKernels, with this v
//
//   weight, gradient, m   [rows, K]      rowMoments (R) [rows]      columnMoments (C) [K]
//
// Shazeer and Stern, "Adafactor: adaptive learning rates with sublinear memory cost" (2018), algorithm 2: R
// C^T over the sum of R, with means in place of sums, so that R and C do not grow with the extents. Of
// matrices of rank one it is the nearest to the mean of g^2 in I-divergence (their section 3). Adam's first
// moment, learning rate and bias correction stay; each factor carries 1 - beta2^t, and so does v. Their
// clipping of the update's size is not part of it: where g^2 is far from rank one, a single weight may move
// further than AdamW moves it, by up to the root of the smaller extent (a diagonal g).
//
// RowMeans and ColumnMeans renew R and C, Update uses them; a group sums all of R itself, in one order.
// A gradient of zeros alone gives R = 0 and v = 0; NaN in a gradient reaches the mean and so every weight.
//
// Host body: AdamWFactoredHost.cs.   Oracle: tests/Reference/AdamWFactoredReference.cs.

using ILGPU;

namespace HeadTap.Kernels;

/// <summary>The AdamW update over a factored second moment.</summary>
public static class AdamWFactoredKernels
{
    /// <summary>Threads per group; a power of two, because the tree sum halves it.</summary>
    public const int BlockSize = 128;

    /// <summary>Rows that a group of <see cref="Update"/> changes; it reads all of R for them.</summary>
    public const int RowsPerGroup = 4;

    // Squares below it are subnormal or 0: keeps 0/0 out of gradients of zeros.
    const float LeastMean = 1.17549435e-38f;

    /// <summary>Renews rowMoments. Grid: rows. Group: <see cref="BlockSize"/>.</summary>
    public static void RowMeans(
        ArrayView<float> gradient, ArrayView<float> rowMoments, int K, AdamWScalars s)
    {
        ArrayView<float> scratch = SharedMemory.Allocate<float>(BlockSize);
        int row = Grid.IdxX;
        long start = (long)row * K;
        float sum = 0f;
        for (int k = Group.IdxX; k < K; k += BlockSize)
        {
            float g = gradient[start + k] * s.GradientScale;
            sum += g * g;
        }
        sum = GroupReduce.Sum(sum, scratch);
        if (Group.IdxX == 0)
            rowMoments[row] = s.Beta2 * rowMoments[row] + s.Gain2 * (sum / K);
    }

    /// <summary>Renews columnMoments. Grid and group: <see cref="ColumnGroup"/>.</summary>
    public static void ColumnMeans(
        ArrayView<float> gradient, ArrayView<float> columnMoments, int rows, int K, AdamWScalars s)
    {
        ArrayView<float> scratch = SharedMemory.Allocate<float>(ColumnGroup.BlockSize);
        int column = ColumnGroup.Column;
        float sum = 0f;
        if (column < K)
            for (int row = ColumnGroup.FirstRow; row < rows; row += ColumnGroup.RowStep)
            {
                float g = gradient[(long)row * K + column] * s.GradientScale;
                sum += g * g;
            }
        sum = ColumnGroup.Sum(sum, scratch);
        if (ColumnGroup.HasTotal(column, K))
            columnMoments[column] = s.Beta2 * columnMoments[column] + s.Gain2 * (sum / rows);
    }

    /// <summary>
    /// Updates weight and m in place. Grid: groups of <see cref="RowsPerGroup"/> rows. Group:
    /// <see cref="BlockSize"/>.
    /// </summary>
    public static void Update(
        ArrayView<float> gradient, ArrayView<float> rowMoments, ArrayView<float> columnMoments,
        ArrayView<float> weight, ArrayView<float> m, int rows, int K, AdamWScalars s)
    {
        ArrayView<float> scratch = SharedMemory.Allocate<float>(BlockSize);
        float sum = 0f;
        for (int row = Group.IdxX; row < rows; row += BlockSize)
            sum += rowMoments[row];
        float mean = AtLeast(GroupReduce.Sum(sum, scratch) / rows);
        int first = Grid.IdxX * RowsPerGroup;
        int end = first + RowsPerGroup < rows ? first + RowsPerGroup : rows;
        for (int row = first; row < end; row++)
        {
            float share = rowMoments[row] / mean;
            long start = (long)row * K;
            for (int k = Group.IdxX; k < K; k += BlockSize)
            {
                long i = start + k;
                float moment = s.Beta1 * m[i] + s.Gain1 * (gradient[i] * s.GradientScale);
                m[i] = moment;
                weight[i] = weight[i] * s.Keep
                    - s.StepSize * moment / (MathF.Sqrt(share * columnMoments[k]) * s.RootScale + s.Epsilon);
            }
        }
    }

    /// <summary>A mean of R to divide by.</summary>
    internal static float AtLeast(float mean) => mean < LeastMean ? LeastMean : mean; // NaN stays
}
