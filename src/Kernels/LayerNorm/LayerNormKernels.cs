// LayerNorm over the last axis.
//
//     xhat = (x - mean) * rstd            rstd = 1 / sqrt(var + eps)
//     y    = xhat * weight + bias
//
//   x, y, dX, dY     [rows, C]   row-major; a row is one token
//   mean, rstd       [rows]      written by Forward, read by both backwards
//   weight, bias     [C]
//
// Forward and BackwardInput run one group per row. C need not divide by BlockSize.
// BackwardParams runs one group per eight columns (ColumnGroup).
//
// Host body: LayerNormHost.cs.   Oracle: tests/Reference/LayerNormReference.cs.

using ILGPU;

namespace HeadTap.Kernels;

/// <summary>LayerNorm: forward, gradient of the input, gradients of the parameters.</summary>
public static class LayerNormKernels
{
    /// <summary>Threads per group; a power of two, because the tree sum halves it.</summary>
    public const int BlockSize = 128;

    /// <summary>Writes y, mean and rstd. Grid: rows. Group: <see cref="BlockSize"/>.</summary>
    public static void Forward(
        ArrayView<float> x, ArrayView<float> weight, ArrayView<float> bias,
        ArrayView<float> y, ArrayView<float> mean, ArrayView<float> rstd,
        int C, float eps)
    {
        ArrayView<float> scratch = SharedMemory.Allocate<float>(BlockSize);
        int row = Grid.IdxX;
        int lane = Group.IdxX;
        long start = (long)row * C;

        float sum = 0f;
        for (int c = lane; c < C; c += BlockSize)
            sum += x[start + c];
        float m = GroupReduce.Sum(sum, scratch) / C;

        // A second pass over x, not E[x^2] - m^2: the two squares cancel when |m| >> std, and the
        // test case with mean 1000 then has no correct digit left.
        float squares = 0f;
        for (int c = lane; c < C; c += BlockSize)
        {
            float d = x[start + c] - m;
            squares += d * d;
        }
        float r = 1f / MathF.Sqrt(GroupReduce.Sum(squares, scratch) / C + eps);

        for (int c = lane; c < C; c += BlockSize)
            y[start + c] = (x[start + c] - m) * r * weight[c] + bias[c];

        if (lane == 0)
        {
            mean[row] = m;
            rstd[row] = r;
        }
    }

    /// <summary>Adds into dX. Grid: rows. Group: <see cref="BlockSize"/>.</summary>
    public static void BackwardInput(
        ArrayView<float> x, ArrayView<float> weight, ArrayView<float> mean, ArrayView<float> rstd,
        ArrayView<float> dY,
        ArrayView<float> dX,
        int C)
    {
        ArrayView<float> scratch = SharedMemory.Allocate<float>(BlockSize);
        int row = Grid.IdxX;
        int lane = Group.IdxX;
        long start = (long)row * C;
        float m = mean[row];
        float r = rstd[row];

        // With g = dY * weight:  dX = rstd * (g - <g> - xhat * <g * xhat>),  <.> the mean over C.
        float sumG = 0f;
        float sumGx = 0f;
        for (int c = lane; c < C; c += BlockSize)
        {
            float g = dY[start + c] * weight[c];
            sumG += g;
            sumGx += g * (x[start + c] - m) * r;
        }
        float meanG = GroupReduce.Sum(sumG, scratch) / C;
        float meanGx = GroupReduce.Sum(sumGx, scratch) / C;

        for (int c = lane; c < C; c += BlockSize)
        {
            float xhat = (x[start + c] - m) * r;
            // += because x also feeds the residual branch, whose gradient is already in dX.
            dX[start + c] += r * (dY[start + c] * weight[c] - meanG - xhat * meanGx);
        }
    }

    /// <summary>Adds into dWeight and dBias. Grid and group: <see cref="ColumnGroup"/>.</summary>
    public static void BackwardParams(
        ArrayView<float> x, ArrayView<float> mean, ArrayView<float> rstd, ArrayView<float> dY,
        ArrayView<float> dWeight, ArrayView<float> dBias,
        int rows, int C)
    {
        ArrayView<float> scratch = SharedMemory.Allocate<float>(ColumnGroup.BlockSize);
        int column = ColumnGroup.Column;
        float w = 0f;
        float b = 0f;
        if (column < C)
            for (int row = ColumnGroup.FirstRow; row < rows; row += ColumnGroup.RowStep)
            {
                long i = (long)row * C + column;
                w += dY[i] * (x[i] - mean[row]) * rstd[row];
                b += dY[i];
            }
        w = ColumnGroup.Sum(w, scratch);
        b = ColumnGroup.Sum(b, scratch);
        if (ColumnGroup.HasTotal(column, C))
        {
            dWeight[column] += w;
            dBias[column] += b;
        }
    }
}
