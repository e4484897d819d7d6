// Rotary position embedding (Su et al. 2021, arXiv 2104.09864) of queries and keys, in place.
//
// Of each head's D numbers the first m are rotated, in the pairs (i, i + m/2); the others and v stay. With
// t = positions[row] and f_i = base^(-2i/m):
//
//     x'[i]       = x[i] cos(t f_i) - x[i + m/2] sin(t f_i)
//     x'[i + m/2] = x[i + m/2] cos(t f_i) + x[i] sin(t f_i)
//
//   qkv        [rows, 3C]      q, k and v side by side, each with its heads side by side
//   positions  [rows]          negative: the row is finished and stays
//   table      [P, m]          of each position m/2 cosines, then m/2 sines
//
// The matrix is orthogonal, so the gradient goes back through the rotation by -t.
//
// Host body: RotaryHost.cs.   Oracle: tests/Reference/RotaryReference.cs.

using ILGPU;

namespace HeadTap.Kernels;

/// <summary>Rotates queries and keys by their positions.</summary>
public static class RotaryKernels
{
    /// <summary>Rotates by the position, or back. One thread per pair of q and k, [rows, 2H, m/2].</summary>
    /// <param name="qkv">[rows, 3C]</param>
    /// <param name="positions">[rows]</param>
    /// <param name="table">[P, m]</param>
    /// <param name="H">Heads.</param>
    /// <param name="D">Numbers of a head.</param>
    /// <param name="m">Numbers of a head that are rotated; even.</param>
    /// <param name="sign">1, or -1 for the rotation back.</param>
    public static void Rotate(ArrayView<float> qkv, ArrayView<int> positions, ArrayView<float> table,
        int H, int D, int m, float sign)
    {
        int half = m / 2;
        long pairs = positions.Length * 2 * H * half;
        for (long index = ElementLoop.First; index < pairs; index += ElementLoop.Step)
        {
            // The heads of k follow those of q.
            long head = index / half;
            int i = (int)(index - head * half);
            long row = head / (2 * H);
            long t = positions[row];
            if (t < 0 || (t + 1) * m > table.Length)
                continue;
            long at = row * 3 * H * D + (head - row * 2 * H) * D + i;
            float cos = table[t * m + i], sin = sign * table[t * m + half + i];
            float a = qkv[at], b = qkv[at + half];
            qkv[at] = a * cos - b * sin;
            qkv[at + half] = b * cos + a * sin;
        }
    }
}
