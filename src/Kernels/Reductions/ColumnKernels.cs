// Columns of a wide tensor to and from a narrow one.
//
//     Copy   narrow[r, c]  = wide[r, column + c]
//     Write  wide[r, column + c]  = narrow[r, c]
//     Add    wide[r, column + c] += narrow[r, c]
//
//   narrow [rows, width]     wide [rows, stride]     column + width <= stride
//
// One group of BlockSize threads per row.
//
// Host body: ColumnHost.cs.   Oracle: plain loops in ColumnTests.cs; nothing is rounded but one addition.

using ILGPU;

namespace HeadTap.Kernels;

/// <summary>Column ranges: copy out, write back, add back.</summary>
public static class ColumnKernels
{
    /// <summary>Threads per group.</summary>
    public const int BlockSize = 128;

    /// <summary>Writes narrow. Grid: rows.</summary>
    public static void Copy(ArrayView<float> wide, ArrayView<float> narrow, int stride, int column, int width)
    {
        long from = (long)Grid.IdxX * stride + column;
        long to = (long)Grid.IdxX * width;
        for (int c = Group.IdxX; c < width; c += BlockSize)
            narrow[to + c] = wide[from + c];
    }

    /// <summary>Writes the columns of wide. Grid: rows.</summary>
    public static void Write(ArrayView<float> narrow, ArrayView<float> wide,
        int stride, int column, int width)
    {
        long from = (long)Grid.IdxX * width;
        long to = (long)Grid.IdxX * stride + column;
        for (int c = Group.IdxX; c < width; c += BlockSize)
            wide[to + c] = narrow[from + c];
    }

    /// <summary>Adds into the columns of wide. Grid: rows.</summary>
    public static void Add(ArrayView<float> narrow, ArrayView<float> wide, int stride, int column, int width)
    {
        long from = (long)Grid.IdxX * width;
        long to = (long)Grid.IdxX * stride + column;
        for (int c = Group.IdxX; c < width; c += BlockSize)
            wide[to + c] += narrow[from + c];
    }
}
