// Gradients of causal self-attention; p is computed again from q, k and logSumExp.
//
//     p[i,j]  = exp(scale * <q[i], k[j]> - logSumExp[i])
//     dP[i,j] = <dZ[i], v[j]>
//     dS[i,j] = p[i,j] * (dP[i,j] - <dZ[i], z[i]>)          <p, dP> of a row is <dZ, z>
//     dQ[i]   = scale * sum_j dS[i,j] k[j]
//     dK[j]   = scale * sum_i dS[i,j] q[i]
//     dV[j]   = sum_i p[i,j] dZ[i]
//
//   shapes as in AttentionKernels;   dZ [B*T, C];   dQkv [B*T, 3C], zeros in padding rows
//
// Two kernels, each owning what it writes: Queries runs one group per tile of queries and walks the keys,
// KeysAndValues one group per tile of keys and walks the queries. No atomics, so sums have a fixed order.
//
// Host body: AttentionBackwardHost.cs.   Oracle: tests/Reference/AttentionReference.cs.

using ILGPU;

namespace HeadTap.Kernels;

/// <summary>Gradients of <see cref="AttentionKernels"/>.</summary>
public static class AttentionBackwardKernels
{
    /// <summary>Threads per group: one for each pair of an owned row and a passing row.</summary>
    public const int BlockSize = OwnedTile * PassingTile;

    /// <summary>Rows whose gradients one group writes.</summary>
    public const int OwnedTile = 16;

    const int PassingTile = 8; // two tensors of 16 rows and two of 8 fill 24.8 of the 32 KiB
    const int Stride = AttentionKernels.Stride;
    const int OutputsPerThread = OwnedTile * AttentionKernels.MaxHeadSize / BlockSize;

    /// <summary>Writes the q part of dQkv. Grid: B*H*ceil(T/OwnedTile). Group: <see cref="BlockSize"/>.</summary>
    public static void Queries(
        ArrayView<float> qkv, ArrayView<int> lengths,
        ArrayView<float> z, ArrayView<float> logSumExp, ArrayView<float> dZ,
        ArrayView<float> dQkv,
        int T, int H, int D, float scale)
    {
        ArrayView<float> q = SharedMemory.Allocate<float>(OwnedTile * Stride);
        ArrayView<float> dz = SharedMemory.Allocate<float>(OwnedTile * Stride);
        ArrayView<float> k = SharedMemory.Allocate<float>(PassingTile * Stride);
        ArrayView<float> v = SharedMemory.Allocate<float>(PassingTile * Stride);
        ArrayView<float> dS = SharedMemory.Allocate<float>(OwnedTile * PassingTile);
        ArrayView<float> sum = LocalMemory.Allocate<float>(OutputsPerThread);

        int thread = Group.IdxX;
        int tiles = (T + OwnedTile - 1) / OwnedTile;
        int q0 = Grid.IdxX % tiles * OwnedTile;
        int head = Grid.IdxX / tiles % H;
        int b = Grid.IdxX / tiles / H;
        int length = IntrinsicMath.Clamp(lengths[b], 0, T);
        int C = H * D;
        long rows = (long)b * T;
        int keys = q0 < length ? IntrinsicMath.Min(length, q0 + OwnedTile) : 0;

        AttentionKernels.LoadTile(qkv, q, rows, q0, length, 3 * C, head * D, D, OwnedTile);
        AttentionKernels.LoadTile(dZ, dz, rows, q0, length, C, head * D, D, OwnedTile);
        for (int n = 0; n < OutputsPerThread; n++)
            sum[n] = 0f;
        int i = thread / PassingTile;
        int j = thread % PassingTile;
        Group.Barrier(); // dz is complete
        dS[thread] = PartOfRowDot(z, dz, rows, q0, i, length, C, head * D, D, j, PassingTile);
        Group.Barrier(); // all parts are there; the first barrier of the loop protects them
        float dot = 0f;
        for (int n = 0; n < PassingTile; n++)
            dot += dS[i * PassingTile + n];
        float lse = q0 + i < length ? logSumExp[((long)b * H + head) * T + q0 + i] : 0f;

        for (int k0 = 0; k0 < keys; k0 += PassingTile)
        {
            AttentionKernels.LoadTile(qkv, k, rows, k0, keys, 3 * C, C + head * D, D, PassingTile);
            AttentionKernels.LoadTile(qkv, v, rows, k0, keys, 3 * C, 2 * C + head * D, D, PassingTile);
            Group.Barrier(); // keys and values are complete
            bool seen = k0 + j <= q0 + i && q0 + i < length;
            float s = 0f;
            float dP = 0f;
            for (int d = 0; d < D; d++)
            {
                s += q[i * Stride + d] * k[j * Stride + d];
                dP += dz[i * Stride + d] * v[j * Stride + d];
            }
            dS[thread] = seen ? MathF.Exp(s * scale - lse) * (dP - dot) : 0f;
            Group.Barrier(); // dS is complete
            for (int n = 0; n < OutputsPerThread; n++)
            {
                int e = thread + n * BlockSize;
                if (e < OwnedTile * D)
                {
                    int row = e / D;
                    int end = IntrinsicMath.Min(PassingTile, q0 + row - k0 + 1);
                    float value = sum[n];
                    for (int key = 0; key < end; key++)
                        value += dS[row * PassingTile + key] * k[key * Stride + e - row * D];
                    sum[n] = value;
                }
            }
            Group.Barrier(); // everyone is done with the keys and dS before the next tile comes
        }

        for (int n = 0; n < OutputsPerThread; n++)
        {
            int e = thread + n * BlockSize;
            int row = e / D;
            if (e < OwnedTile * D && q0 + row < T)
                dQkv[(rows + q0 + row) * 3 * C + head * D + e - row * D] = sum[n] * scale;
        }
    }

    /// <summary>Writes the k and v parts of dQkv. Grid and group as <see cref="Queries"/>.</summary>
    public static void KeysAndValues(
        ArrayView<float> qkv, ArrayView<int> lengths,
        ArrayView<float> z, ArrayView<float> logSumExp, ArrayView<float> dZ,
        ArrayView<float> dQkv,
        int T, int H, int D, float scale)
    {
        ArrayView<float> k = SharedMemory.Allocate<float>(OwnedTile * Stride);
        ArrayView<float> v = SharedMemory.Allocate<float>(OwnedTile * Stride);
        ArrayView<float> q = SharedMemory.Allocate<float>(PassingTile * Stride);
        ArrayView<float> dz = SharedMemory.Allocate<float>(PassingTile * Stride);
        ArrayView<float> p = SharedMemory.Allocate<float>(OwnedTile * PassingTile);
        ArrayView<float> dS = SharedMemory.Allocate<float>(OwnedTile * PassingTile);
        ArrayView<float> sumK = LocalMemory.Allocate<float>(OutputsPerThread);
        ArrayView<float> sumV = LocalMemory.Allocate<float>(OutputsPerThread);

        int thread = Group.IdxX;
        int tiles = (T + OwnedTile - 1) / OwnedTile;
        int k0 = Grid.IdxX % tiles * OwnedTile;
        int head = Grid.IdxX / tiles % H;
        int b = Grid.IdxX / tiles / H;
        int length = IntrinsicMath.Clamp(lengths[b], 0, T);
        int C = H * D;
        long rows = (long)b * T;

        AttentionKernels.LoadTile(qkv, k, rows, k0, length, 3 * C, C + head * D, D, OwnedTile);
        AttentionKernels.LoadTile(qkv, v, rows, k0, length, 3 * C, 2 * C + head * D, D, OwnedTile);
        for (int n = 0; n < OutputsPerThread; n++)
        {
            sumK[n] = 0f;
            sumV[n] = 0f;
        }
        int j = thread / PassingTile;
        int i = thread % PassingTile;

        for (int q0 = k0; q0 < length; q0 += PassingTile)
        {
            AttentionKernels.LoadTile(qkv, q, rows, q0, length, 3 * C, head * D, D, PassingTile);
            AttentionKernels.LoadTile(dZ, dz, rows, q0, length, C, head * D, D, PassingTile);
            Group.Barrier(); // all four tiles are complete
            dS[thread] = PartOfRowDot(z, dz, rows, q0, i, length, C, head * D, D, j, OwnedTile);
            float s = 0f;
            float dP = 0f;
            for (int d = 0; d < D; d++)
            {
                s += q[i * Stride + d] * k[j * Stride + d];
                dP += dz[i * Stride + d] * v[j * Stride + d];
            }
            Group.Barrier(); // all parts are there
            float dot = 0f;
            for (int n = 0; n < OwnedTile; n++)
                dot += dS[n * PassingTile + i];
            Group.Barrier(); // everyone has read them before dS is overwritten
            bool seen = k0 + j <= q0 + i && q0 + i < length;
            float weight = seen
                ? MathF.Exp(s * scale - logSumExp[((long)b * H + head) * T + q0 + i]) : 0f;
            p[thread] = weight;
            dS[thread] = seen ? weight * (dP - dot) : 0f;
            Group.Barrier(); // p and dS are complete
            for (int n = 0; n < OutputsPerThread; n++)
            {
                int e = thread + n * BlockSize;
                if (e < OwnedTile * D)
                {
                    int row = e / D;
                    float gradK = sumK[n];
                    float gradV = sumV[n];
                    for (int query = IntrinsicMath.Max(0, k0 + row - q0); query < PassingTile; query++)
                    {
                        gradK += dS[row * PassingTile + query] * q[query * Stride + e - row * D];
                        gradV += p[row * PassingTile + query] * dz[query * Stride + e - row * D];
                    }
                    sumK[n] = gradK;
                    sumV[n] = gradV;
                }
            }
            Group.Barrier(); // everyone is done with the tiles before the next queries come
        }

        for (int n = 0; n < OutputsPerThread; n++)
        {
            int e = thread + n * BlockSize;
            int row = e / D;
            if (e < OwnedTile * D && k0 + row < T)
            {
                long at = (rows + k0 + row) * 3 * C + C + head * D + e - row * D;
                dQkv[at] = sumK[n] * scale;
                dQkv[at + C] = sumV[n];
            }
        }
    }

    /// <summary>Columns first, first + step, ... of the sum over d of dZ * z of a query.</summary>
    static float PartOfRowDot(
        ArrayView<float> z, ArrayView<float> dz,
        long rows, int q0, int i, int length, int C, int column, int D, int first, int step)
    {
        float part = 0f;
        if (q0 + i < length)
            for (int d = first; d < D; d += step)
                part += dz[i * Stride + d] * z[(rows + q0 + i) * C + column + d];
        return part;
    }
}
