// Matrix product, every form the model needs, told apart by strides (MatMulShape).
//
//     y[i, j] = epilogue((y[i, j] +) sum_k x(i, k) weight(k, j))
//
//   y = x W + b          x [rows, K]    weight [K, N]     forward
//   y = x W^T            x [rows, K]    weight [N, K]     tied head; dX = dY W^T
//   dW += x^T dY         x [rows, K]    dY [rows, N]      the sum runs over rows
//   db += sum_rows dY
//
// Product: one group per 64 x 64 tile of y, 16 sums per thread in registers; 16 terms at a time pass through
// shared memory. Each sum is made by one thread in the order of k, so it does not depend on M.
// Small shapes run it; large ones MatMulLargeKernels, to the same bits, so that the choice is free.
//
// Host body: MatMulHost.cs.   Oracle: tests/Reference/MatMulReference.cs.

using ILGPU;
using ILGPU.Runtime;

namespace HeadTap.Kernels;

/// <summary>Matrix product and the gradient of its bias.</summary>
public static class MatMulKernels
{
    /// <summary>Threads of a group: 16 x 16, each with 4 x 4 elements of the tile.</summary>
    public const int BlockSize = 256;

    /// <summary>Rows and columns of y that one group writes.</summary>
    public const int Tile = 64;

    const int TileK = 16;
    // Four rows of x start at a multiple of 16 bytes; two threads that store along k meet in a bank, as with
    // Tile + 1.
    const int Padded = Tile + 4;

    /// <summary>Groups that cover y.</summary>
    public static int Groups(int M, int N) => checked(((M + Tile - 1) / Tile) * ((N + Tile - 1) / Tile));

    /// <summary>
    /// Writes y, or adds into it. Grid: <see cref="Groups"/> by parts. Group: <see cref="BlockSize"/>.
    /// </summary>
    /// <param name="x">Element (i, k) at i XRow + k XColumn.</param>
    /// <param name="weight">Element (k, j) at k WRow + j WColumn.</param>
    /// <param name="bias">[N]; not read when the epilogue has no bias.</param>
    /// <param name="residual">Shape and strides of y; not read when the epilogue has no residual.</param>
    /// <param name="y">Element (i, j) at i YRow + j.</param>
    /// <param name="s">Sizes and strides.</param>
    /// <param name="epilogue">Applied to each sum before it is stored.</param>
    public static void Product(
        ArrayView<float> x, ArrayView<float> weight, ArrayView<float> bias, ArrayView<float> residual,
        ArrayView<float> y, MatMulShape s, MatMulEpilogue epilogue)
    {
        ArrayView<float> xs = SharedMemory.Allocate<float>(TileK * Padded); // [k][row]
        ArrayView<float> ws = SharedMemory.Allocate<float>(TileK * Padded); // [k][column]
        ArrayView<Float4> xFours = xs.AsAligned(16).Cast<Float4>();
        ArrayView<Float2> wTwos = ws.AsAligned(16).Cast<Float2>();
        int lane = Group.IdxX;
        int tilesN = (s.N + Tile - 1) / Tile;
        int firstRow = Grid.IdxX / tilesN * Tile, firstColumn = Grid.IdxX % tilesN * Tile;
        int r = lane / 16 * 4, c = lane % 16 * 2; // its rows r..r+3, its columns c, c+1, c+32, c+33

        float y00 = 0f, y01 = 0f, y02 = 0f, y03 = 0f, y10 = 0f, y11 = 0f, y12 = 0f, y13 = 0f;
        float y20 = 0f, y21 = 0f, y22 = 0f, y23 = 0f, y30 = 0f, y31 = 0f, y32 = 0f, y33 = 0f;
        int end = MatMulPart.EndTerm(s);
        for (int k0 = MatMulPart.FirstTerm(s); k0 < end; k0 += TileK)
        {
            Load(x, s.XRow, s.XColumn, firstRow, s.M, k0, end, xs);
            Load(weight, s.WColumn, s.WRow, firstColumn, s.N, k0, end, ws);
            Group.Barrier(); // both tiles are complete before anyone reads them
            for (int k = 0; k < TileK; k++)
            {
                Float4 x4 = xFours[(k * Padded + r) >> 2];
                Float2 wLeft = wTwos[(k * Padded + c) >> 1], wRight = wTwos[(k * Padded + c + 32) >> 1];
                float w0 = wLeft.X, w1 = wLeft.Y, w2 = wRight.X, w3 = wRight.Y;
                y00 += x4.X * w0; y01 += x4.X * w1; y02 += x4.X * w2; y03 += x4.X * w3;
                y10 += x4.Y * w0; y11 += x4.Y * w1; y12 += x4.Y * w2; y13 += x4.Y * w3;
                y20 += x4.Z * w0; y21 += x4.Z * w1; y22 += x4.Z * w2; y23 += x4.Z * w3;
                y30 += x4.W * w0; y31 += x4.W * w1; y32 += x4.W * w2; y33 += x4.W * w3;
            }
            Group.Barrier(); // everyone is done with the tiles before the next ones overwrite them
        }
        y = MatMulPart.Sums(y, s);
        StoreRow(bias, residual, y, s, epilogue, firstRow + r, firstColumn + c,
            y00, y01, y02, y03);
        StoreRow(bias, residual, y, s, epilogue, firstRow + r + 1, firstColumn + c,
            y10, y11, y12, y13);
        StoreRow(bias, residual, y, s, epilogue, firstRow + r + 2, firstColumn + c,
            y20, y21, y22, y23);
        StoreRow(bias, residual, y, s, epilogue, firstRow + r + 3, firstColumn + c,
            y30, y31, y32, y33);
    }

    /// <summary>Adds into dBias: <see cref="ReductionKernels.ColumnSums"/> of dY.</summary>
    public static void BiasGradient(
        ArrayView<float> dY, ArrayView<float> dBias, int rows, int N)
        => ReductionKernels.ColumnSums(dY, dBias, rows, N);

    // 64 lines (rows of x, or columns of the weight) by 16 terms; zeros beyond the ends. Neighbouring threads
    // read neighbouring floats whichever of the two strides is 1.
    static void Load(
        ArrayView<float> from, long lineStride, long kStride, int firstLine, int lines, int k0, int K,
        ArrayView<float> to)
    {
        for (int e = Group.IdxX; e < Tile * TileK; e += BlockSize)
        {
            int line = kStride == 1 ? e / TileK : e % Tile;
            int k = kStride == 1 ? e % TileK : e / Tile;
            float value = 0f;
            if (firstLine + line < lines && k0 + k < K)
                value = from[(firstLine + line) * lineStride + (k0 + k) * kStride];
            to[k * Padded + line] = value;
        }
    }

    static void StoreRow(
        ArrayView<float> bias, ArrayView<float> residual, ArrayView<float> y, in MatMulShape s,
        in MatMulEpilogue e, int row, int column, float y0, float y1, float y2, float y3)
    {
        // A loop, not four copies of the epilogue; the count is not known to the compiler.
        for (int j = 0; j < Group.DimX >> 6; j++)
            e.Store(bias, residual, y, s, row, column + (j & 1) + (j >> 1 << 5),
                j == 0 ? y0 : j == 1 ? y1 : j == 2 ? y2 : y3);
    }
}
