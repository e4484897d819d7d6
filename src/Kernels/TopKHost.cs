// Top-k on the host: one pass that skips, 128 elements at a time, what cannot enter the k best so far.

namespace HeadTap.Kernels;

/// <summary>Top-k on the host; order as in <see cref="TopKKernels"/>.</summary>
public static unsafe class TopKHost
{
    const int ElementsPerItem = 16384;
    const int Skip = 128;

    /// <summary>Writes values and indices [rows, k].</summary>
    public static void TopK(float* x, float* values, int* indices, int rows, int V, int k)
        => HostSimd.Ranges(rows, Math.Max(1, ElementsPerItem / V), new TopKRows(x, values, indices, V, k));

    /// <summary>Writes indices [rows].</summary>
    public static void ArgMax(float* x, int* indices, int rows, int V)
        => HostSimd.Ranges(rows, Math.Max(1, ElementsPerItem / V), new ArgMaxRows(x, indices, V));

    // Orders by value, then by lower index; the index is recovered from the lower half.
    static long Entry(float value, int index) => (long)TopKKernels.Key(value) << 32 | (uint)~index;

    static int IndexOf(long entry) => ~(int)entry;

    readonly struct TopKRows(float* x, float* values, int* indices, int V, int k) : IHostBody
    {
        public void Run<TWidth, TVector>(long first, long end)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            long* best = (long*)HostScratch.Floats(0, 2L * k);
            for (long row = first; row < end; row++)
            {
                float* from = x + row * V;
                Collect<TWidth, TVector>(from, best);
                new Span<long>(best, k).Sort();
                for (int rank = 0; rank < k; rank++)
                {
                    int index = IndexOf(best[k - 1 - rank]);
                    values[row * k + rank] = from[index];
                    indices[row * k + rank] = index;
                }
            }
        }

        // best becomes a heap of the k largest entries, the least of them first.
        void Collect<TWidth, TVector>(float* from, long* best)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            for (int v = 0; v < k; v++)
                best[v] = Entry(from[v], v);
            for (int at = k / 2 - 1; at >= 0; at--)
                Sink(best, at);
            float least = from[IndexOf(best[0])];
            for (int start = k; start < V; start += Skip)
            {
                int stop = Math.Min(V, start + Skip);
                // A later equal value loses its tie, so only a larger one or a NaN matters.
                if (HostSums.Max<TWidth, TVector>(from + start, stop - start) <= least)
                    continue;
                for (int v = start; v < stop; v++)
                {
                    if (from[v] <= least || Entry(from[v], v) < best[0])
                        continue;
                    best[0] = Entry(from[v], v);
                    Sink(best, 0);
                    least = from[IndexOf(best[0])];
                }
            }
        }

        void Sink(long* best, int at)
        {
            long entry = best[at];
            while (2 * at + 1 < k)
            {
                int child = 2 * at + 1;
                if (child + 1 < k && best[child + 1] < best[child])
                    child++;
                if (best[child] >= entry)
                    break;
                best[at] = best[child];
                at = child;
            }
            best[at] = entry;
        }
    }

    readonly struct ArgMaxRows(float* x, int* indices, int V) : IHostBody
    {
        const int BlockLength = 1024;

        public void Run<TWidth, TVector>(long first, long end)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            for (long row = first; row < end; row++)
            {
                float* from = x + row * V;
                float max = HostSums.Max<TWidth, TVector>(from, Math.Min(BlockLength, V));
                int block = 0;
                for (int start = BlockLength; start < V && !float.IsNaN(max); start += BlockLength)
                {
                    float here = HostSums.Max<TWidth, TVector>(from + start, Math.Min(BlockLength, V - start));
                    if (!(here <= max))
                        (max, block) = (here, start);
                }
                int v = block;
                while (!(from[v] == max || float.IsNaN(from[v])))
                    v++;
                indices[row] = v;
            }
        }
    }
}
