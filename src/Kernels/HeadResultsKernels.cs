// What each head writes to the residual stream, and the sum of it.
//
//     result[r,h,:]  = z[r,h,:] @ weight[h*D .. (h+1)*D, :]
//     attnOut[r,:]   = sum_h result[r,h,:] + bias            heads in order
//
//   z        [rows, C]      C = H*D
//   weight   [C, C]         attn.c_proj.weight, inputs first as in the checkpoint
//   result   [rows, H, C]
//
// Host body: HeadResultsHost.cs.   Oracle: tests/Reference/HeadResultsReference.cs.

using ILGPU;

namespace HeadTap.Kernels;

/// <summary>Per-head results, their sum, and the gradients.</summary>
public static class HeadResultsKernels
{
    /// <summary>Rows and columns of the tile of one group; the group is Tile*Tile threads.</summary>
    public const int Tile = 16;

    /// <summary>Writes result. Grid: (ceil(C/Tile), ceil(rows/Tile), H). Group: (Tile, Tile).</summary>
    public static void Forward(
        ArrayView<float> z, ArrayView<float> weight, ArrayView<float> result, int rows, int H, int D)
    {
        ArrayView<float> a = SharedMemory.Allocate<float>(Tile * Tile);
        ArrayView<float> w = SharedMemory.Allocate<float>(Tile * Tile);
        int x = Group.IdxX;
        int y = Group.IdxY;
        int C = H * D;
        int head = Grid.IdxZ;
        int column = Grid.IdxX * Tile + x;
        int row = Grid.IdxY * Tile + y;
        float sum = 0f;
        for (int d0 = 0; d0 < D; d0 += Tile)
        {
            a[y * Tile + x] = row < rows && d0 + x < D ? z[(long)row * C + head * D + d0 + x] : 0f;
            w[y * Tile + x] = column < C && d0 + y < D ? weight[(long)(head * D + d0 + y) * C + column] : 0f;
            Group.Barrier(); // both tiles are complete
            int end = IntrinsicMath.Min(Tile, D - d0); // a weight that is not there must not meet a NaN
            for (int d = 0; d < end; d++)
                sum += a[y * Tile + d] * w[d * Tile + x];
            Group.Barrier(); // everyone is done with them before the next ones come
        }
        if (row < rows && column < C)
            result[((long)row * H + head) * C + column] = sum;
    }

    /// <summary>Writes attnOut. One thread per element of attnOut.</summary>
    public static void Sum(
        Index1D index, ArrayView<float> result, ArrayView<float> bias, ArrayView<float> attnOut, int H, int C)
    {
        long row = index / C;
        int c = index % C;
        float sum = result[row * H * C + c];
        for (int h = 1; h < H; h++)
            sum += result[(row * H + h) * C + c];
        attnOut[index] = sum + bias[c];
    }

    /// <summary>Writes dZ[r, h*D+d] = sum_c dResult[r,h,c] weight[h*D+d, c]. One thread per element.</summary>
    public static void BackwardInput(
        Index1D index, ArrayView<float> dResult, ArrayView<float> weight, ArrayView<float> dZ, int H, int D)
    {
        int C = H * D;
        long row = index / C;
        int c = index % C;
        long from = (row * H + c / D) * C;
        float sum = 0f;
        for (int n = 0; n < C; n++)
            sum += dResult[from + n] * weight[(long)c * C + n];
        dZ[index] = sum;
    }

    /// <summary>
    /// Adds into dWeight[h*D+d, c] += sum_r z[r, h*D+d] dResult[r,h,c], rows in order. One thread per element.
    /// </summary>
    public static void BackwardWeight(
        Index1D index, ArrayView<float> dResult, ArrayView<float> z, ArrayView<float> dWeight,
        int rows, int H, int D)
    {
        int C = H * D;
        int input = index / C;
        int c = index % C;
        float sum = 0f;
        for (int r = 0; r < rows; r++)
            sum += z[(long)r * C + input] * dResult[((long)r * H + input / D) * C + c];
        dWeight[index] += sum;
    }
}
