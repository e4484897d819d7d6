// The sum of what the heads write to the residual stream.
//
//     attnOut[r,:]   = sum_h result[r,h,:] + bias            heads in order
//
//   result   [rows, H, C]     each head's product, made by MatMulKernels
//   bias     [C]
//   attnOut  [rows, C]
//
// Host body: HeadResultsHost.cs.   Oracle: tests/Reference/HeadResultsReference.cs.

using ILGPU;

namespace HeadTap.Kernels;

/// <summary>The sum of per-head results.</summary>
public static class HeadResultsKernels
{
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
}
