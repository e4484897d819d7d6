// Every row of a matrix times a factor of its own.
//
//     x[r, c] *= factors[r]        0 writes zeros: a row that is left out must not survive as 0 * NaN
//
//   factors [rows]    x [rows, n]
//
// One group of BlockSize threads per row.
//
// Host body: ScaleRowsHost.cs.   Oracle: tests/Reference/ScaleRowsReference.cs.

using ILGPU;

namespace HeadTap.Kernels;

/// <summary>Rows times factors.</summary>
public static class ScaleRowsKernels
{
    /// <summary>Threads per group.</summary>
    public const int BlockSize = 128;

    /// <summary>Multiplies the rows of x by factors, in place. Grid: rows.</summary>
    public static void Scale(ArrayView<float> factors, ArrayView<float> x, int n)
    {
        float factor = factors[Grid.IdxX];
        long at = (long)Grid.IdxX * n;
        for (int c = Group.IdxX; c < n; c += BlockSize)
            x[at + c] = factor == 0f ? 0f : x[at + c] * factor;
    }
}
