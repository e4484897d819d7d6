// Attention step by step, for runs that record or edit scores and patterns.
//
//     scores[b,h,i,j]  = scale * <q[b,i,h], k[b,j,h]>      -infinity for j > i, j >= length, i >= length
//     pattern          = softmax over j; a row of -infinity gives zeros
//     z[b,i,h,:]       = sum_j pattern[b,h,i,j] v[b,j,h,:]
//
//   qkv [B*T, 3C] as in AttentionKernels;  scores, pattern, dScores, dPattern [B, H, T, T];  z, dZ [B*T, C]
//
// An edited pattern may have weights after the query, so Mix and its backward run over all j. A weight of
// exactly zero is skipped, not multiplied: padding may hold NaN.
//
// Host body: AttentionEagerHost.cs.   Oracle: tests/Reference/AttentionReference.cs.

using ILGPU;

namespace HeadTap.Kernels;

/// <summary>Scores, softmax of rows, mix, and their gradients.</summary>
public static class AttentionEagerKernels
{
    /// <summary>
    /// Threads per group of the softmax kernels; a power of two, because the tree sum halves it.
    /// </summary>
    public const int BlockSize = 128;

    /// <summary>Writes scores. One thread per element.</summary>
    public static void Scores(
        ArrayView<float> qkv, ArrayView<int> lengths, ArrayView<float> scores,
        int T, int H, int D, float scale)
    {
        for (long index = ElementLoop.First; index < scores.Length; index += ElementLoop.Step)
            scores[index] = Score(index, qkv, lengths, T, H, D, scale);
    }

    /// <summary>Writes pattern = exp(score - logSumExp). One thread per element.</summary>
    public static void Pattern(
        ArrayView<float> qkv, ArrayView<int> lengths, ArrayView<float> logSumExp,
        ArrayView<float> pattern, int T, int H, int D, float scale)
    {
        for (long index = ElementLoop.First; index < pattern.Length; index += ElementLoop.Step)
        {
            float s = Score(index, qkv, lengths, T, H, D, scale);
            pattern[index] = DeviceMath.Exp(s - logSumExp[index / T]);
        }
    }

    /// <summary>Writes the softmax of each row. Grid: rows. Group: <see cref="BlockSize"/>.</summary>
    public static void Softmax(ArrayView<float> scores, ArrayView<float> pattern, int columns)
    {
        ArrayView<float> scratch = SharedMemory.Allocate<float>(BlockSize);
        int lane = Group.IdxX;
        long start = (long)Grid.IdxX * columns;
        float max = float.NegativeInfinity;
        for (int j = lane; j < columns; j += BlockSize)
            max = MathF.Max(max, scores[start + j]);
        max = GroupReduce.Max(max, scratch);
        // A row of -infinity: any finite shift makes every weight zero.
        float shift = max == float.NegativeInfinity ? 0f : max;
        float sum = 0f;
        for (int j = lane; j < columns; j += BlockSize)
        {
            float e = DeviceMath.Exp(scores[start + j] - shift);
            pattern[start + j] = e;
            sum += e;
        }
        sum = GroupReduce.Sum(sum, scratch);
        float divisor = sum == 0f ? 1f : sum;
        for (int j = lane; j < columns; j += BlockSize)
            pattern[start + j] /= divisor;
    }

    /// <summary>
    /// Writes dScores = p * (dP - sum of p * dP). Grid: rows. Group: <see cref="BlockSize"/>.
    /// </summary>
    public static void SoftmaxBackward(
        ArrayView<float> pattern, ArrayView<float> dPattern, ArrayView<float> dScores, int columns)
    {
        ArrayView<float> scratch = SharedMemory.Allocate<float>(BlockSize);
        int lane = Group.IdxX;
        long start = (long)Grid.IdxX * columns;
        float dot = 0f;
        for (int j = lane; j < columns; j += BlockSize)
        {
            float p = pattern[start + j];
            dot += p == 0f ? 0f : p * dPattern[start + j];
        }
        dot = GroupReduce.Sum(dot, scratch);
        for (int j = lane; j < columns; j += BlockSize)
        {
            float p = pattern[start + j];
            dScores[start + j] = p == 0f ? 0f : p * (dPattern[start + j] - dot);
        }
    }

    /// <summary>Writes z. One thread per element of z, [B*T, C].</summary>
    public static void Mix(
        ArrayView<float> pattern, ArrayView<float> qkv, ArrayView<float> z, int T, int H, int D)
    {
        int C = H * D;
        for (long index = ElementLoop.First; index < z.Length; index += ElementLoop.Step)
        {
            int token = (int)(index / C), c = (int)(index - (long)token * C);
            int b = token / T, i = token - b * T;
            long row = (((long)b * H + c / D) * T + i) * T;
            long v = (long)b * T * 3 * C + 2 * C + c;
            float sum = 0f;
            for (int j = 0; j < T; j++)
            {
                float p = pattern[row + j];
                if (p != 0f)
                    sum += p * qkv[v + (long)j * 3 * C];
            }
            z[index] = sum;
        }
    }

    /// <summary>Writes dPattern[b,h,i,j] = &lt;dZ[b,i,h], v[b,j,h]&gt;. One thread per element.</summary>
    public static void MixBackwardPattern(
        ArrayView<float> qkv, ArrayView<float> dZ, ArrayView<float> dPattern, int T, int H, int D)
    {
        int C = H * D;
        for (long index = ElementLoop.First; index < dPattern.Length; index += ElementLoop.Step)
        {
            int row = (int)(index / T), j = (int)(index - (long)row * T);
            int i = row % T, head = row / T % H;
            long rows = (long)(row / T / H) * T;
            long v = (rows + j) * 3 * C + 2 * C + head * D;
            long dz = (rows + i) * C + head * D;
            float dot = 0f;
            for (int d = 0; d < D; d++)
                dot += dZ[dz + d] * qkv[v + d];
            dPattern[index] = dot;
        }
    }

    /// <summary>
    /// Adds sum_i pattern[b,h,i,j] dZ[b,i,h,:] into the v part of dQkv. One thread per element of v.
    /// </summary>
    public static void MixBackwardValues(
        ArrayView<float> pattern, ArrayView<float> dZ, ArrayView<float> dQkv, int T, int H, int D)
    {
        int C = H * D;
        for (long index = ElementLoop.First; index < dZ.Length; index += ElementLoop.Step)
        {
            int token = (int)(index / C), c = (int)(index - (long)token * C);
            int b = token / T, j = token - b * T;
            long column = ((long)b * H + c / D) * T * T + j;
            float sum = 0f;
            for (int i = 0; i < T; i++)
            {
                float p = pattern[column + (long)i * T];
                if (p != 0f)
                    sum += p * dZ[((long)b * T + i) * C + c];
            }
            dQkv[(long)token * 3 * C + 2 * C + c] += sum;
        }
    }

    /// <summary>
    /// Adds into the q and k parts of dQkv; dScores beyond the diagonal is ignored. One thread each.
    /// </summary>
    public static void ScoresBackward(
        ArrayView<float> qkv, ArrayView<float> dScores, ArrayView<float> dQkv,
        int T, int H, int D, float scale)
    {
        int C = H * D;
        for (long index = ElementLoop.First; index < qkv.Length / 3; index += ElementLoop.Step)
        {
            int token = (int)(index / C), c = (int)(index - (long)token * C);
            int b = token / T, t = token - b * T;
            long pairs = ((long)b * H + c / D) * T * T;
            long first = (long)b * T * 3 * C + c;
            float dQ = 0f;
            for (int j = 0; j <= t; j++)
            {
                float dS = dScores[pairs + (long)t * T + j];
                if (dS != 0f)
                    dQ += dS * qkv[first + (long)j * 3 * C + C];
            }
            float dK = 0f;
            for (int i = t; i < T; i++)
            {
                float dS = dScores[pairs + (long)i * T + t];
                if (dS != 0f)
                    dK += dS * qkv[first + (long)i * 3 * C];
            }
            dQkv[first + (long)t * 3 * C] += dQ * scale;
            dQkv[first + (long)t * 3 * C + C] += dK * scale;
        }
    }

    static float Score(
        long index, ArrayView<float> qkv, ArrayView<int> lengths, int T, int H, int D, float scale)
    {
        int C = H * D;
        int row = (int)(index / T), j = (int)(index - (long)row * T);
        int i = row % T, head = row / T % H, b = row / T / H;
        if (j > i || i >= lengths[b])
            return float.NegativeInfinity;
        long q = ((long)b * T + i) * 3 * C + head * D;
        long k = ((long)b * T + j) * 3 * C + C + head * D;
        float dot = 0f;
        for (int d = 0; d < D; d++)
            dot += qkv[q + d] * qkv[k + d];
        return dot * scale;
    }
}
