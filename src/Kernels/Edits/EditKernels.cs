// Edits in place of a stream's rows: what an intervention does to an activation.
//
//     Add         x[r, columns] += alpha * values          Scale   x[r, columns] *= factor
//     Replace     x[r, columns]  = values                  Mean    x[r, columns]  = mean over the listed rows
//     ProjectOut  x[r, columns] -= strength * <x[r, columns], u> u
//
//   x [rows, stride]    rowIds [n], distinct    columns = [column, column + width)    u, mean [width]
//   values [width] with valueStride 0 (the same for every row), or [n, width] with valueStride width
//   A row id outside [0, rows), -1 by convention, is skipped.
//
// One group of BlockSize threads per listed row; Mean runs one thread per column and walks the list in order.
//
// Host body: EditHost.cs.   Oracle: tests/Reference/EditReference.cs.

using ILGPU;

namespace HeadTap.Kernels;

/// <summary>
/// Edits of listed rows: add, replace, scale, project a direction out, replace by the mean.
/// </summary>
public static class EditKernels
{
    /// <summary>Threads per group; a power of two, because the tree sum halves it.</summary>
    public const int BlockSize = 128;

    /// <summary>Adds alpha * values into the listed rows of x. Grid: listed rows.</summary>
    public static void Add(
        ArrayView<int> rowIds, ArrayView<float> values, ArrayView<float> x,
        int stride, int column, int width, int valueStride, float alpha)
    {
        int row = rowIds[Grid.IdxX];
        if (row < 0 || row >= x.Length / stride)
            return;
        long at = (long)row * stride + column;
        long from = (long)Grid.IdxX * valueStride;
        for (int c = Group.IdxX; c < width; c += BlockSize)
            x[at + c] += alpha * values[from + c];
    }

    /// <summary>Writes values over the listed rows of x. Grid: listed rows.</summary>
    public static void Replace(
        ArrayView<int> rowIds, ArrayView<float> values, ArrayView<float> x,
        int stride, int column, int width, int valueStride)
    {
        int row = rowIds[Grid.IdxX];
        if (row < 0 || row >= x.Length / stride)
            return;
        long at = (long)row * stride + column;
        long from = (long)Grid.IdxX * valueStride;
        for (int c = Group.IdxX; c < width; c += BlockSize)
            x[at + c] = values[from + c];
    }

    /// <summary>Multiplies the listed rows of x by factor; 0 writes zeros. Grid: listed rows.</summary>
    public static void Scale(
        ArrayView<int> rowIds, ArrayView<float> x, int stride, int column, int width, float factor)
    {
        int row = rowIds[Grid.IdxX];
        if (row < 0 || row >= x.Length / stride)
            return;
        long at = (long)row * stride + column;
        for (int c = Group.IdxX; c < width; c += BlockSize)
            x[at + c] = factor == 0f ? 0f : x[at + c] * factor; // an ablated NaN must not survive as 0 * NaN
    }

    /// <summary>Takes the part along u out of the listed rows of x. Grid: listed rows.</summary>
    public static void ProjectOut(
        ArrayView<int> rowIds, ArrayView<float> u, ArrayView<float> x,
        int stride, int column, int width, float strength)
    {
        ArrayView<float> scratch = SharedMemory.Allocate<float>(BlockSize);
        int row = rowIds[Grid.IdxX];
        // A skipped row does nothing rather than leave: PoCL 3.1 compiles a return before barriers into code
        // that writes outside its memory, even when the whole group takes it or no group does.
        int end = row >= 0 && row < x.Length / stride ? width : 0;
        long at = (long)row * stride + column;
        float product = 0f;
        for (int c = Group.IdxX; c < end; c += BlockSize)
            product += x[at + c] * u[c];
        float along = strength * GroupReduce.Sum(product, scratch);
        for (int c = Group.IdxX; c < end; c += BlockSize)
            x[at + c] -= along * u[c];
    }

    /// <summary>Writes mean over the listed rows, and it into each of them. One thread per column.</summary>
    public static void Mean(
        ArrayView<int> rowIds, ArrayView<float> x, ArrayView<float> mean, int stride, int column)
    {
        long rows = x.Length / stride;
        for (long c = ElementLoop.First; c < mean.Length; c += ElementLoop.Step)
        {
            float sum = 0f;
            int count = 0;
            for (int n = 0; n < rowIds.IntLength; n++)
            {
                int row = rowIds[n];
                if (row < 0 || row >= rows)
                    continue;
                sum += x[(long)row * stride + column + c];
                count++;
            }
            float m = count == 0 ? 0f : sum / count;
            mean[c] = m;
            for (int n = 0; n < rowIds.IntLength; n++)
                if (rowIds[n] >= 0 && rowIds[n] < rows)
                    x[(long)rowIds[n] * stride + column + c] = m;
        }
    }
}
