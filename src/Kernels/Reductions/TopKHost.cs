// Top-k on the host: the maximum of each block of a row, then a sort of what the k best blocks hold above the
// least of their maxima: one vector pass over the row, and a few hundred elements to sort instead of V.

namespace HeadTap.Kernels;

/// <summary>Top-k on the host; order as in <see cref="TopKKernels"/>.</summary>
public static unsafe class TopKHost
{
    const int ElementsPerItem = 16384;
    const int LongestBlock = 128;

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
        // At least 2k blocks, so that the k best hold the candidates of half the row and fewer.
        int BlockLength => Math.Clamp(V / (2 * k), 1, LongestBlock);

        public void Run<TWidth, TVector>(long first, long end)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            int blocks = (V + BlockLength - 1) / BlockLength;
            long* best = (long*)HostScratch.Floats(0, 2L * blocks);
            long* candidates = (long*)HostScratch.Floats(1, 2L * k * BlockLength);
            for (long row = first; row < end; row++)
            {
                float* from = x + row * V;
                for (int block = 0; block < blocks; block++)
                    best[block] = Entry(HostSums.Max<TWidth, TVector>(
                        from + block * BlockLength, LengthOf(block)), block);
                new Span<long>(best, blocks).Sort();
                int count = Candidates(from, best + blocks - k, candidates);
                new Span<long>(candidates, count).Sort();
                for (int rank = 0; rank < k; rank++)
                {
                    int index = IndexOf(candidates[count - 1 - rank]);
                    values[row * k + rank] = from[index];
                    indices[row * k + rank] = index;
                }
            }
        }

        // best holds the k best blocks, the least first. Each has an element at least as large as that one's
        // maximum (of equal ones, in a block that is not later), so nothing outside them is among the k
        // largest elements, and nothing in them that is below it.
        int Candidates(float* from, long* best, long* candidates)
        {
            int count = 0;
            float least = MaxOf(from, IndexOf(best[0]));
            for (int i = 0; i < k; i++)
            {
                int block = IndexOf(best[i]);
                int stop = block * BlockLength + LengthOf(block);
                for (int v = block * BlockLength; v < stop; v++)
                {
                    if (!(from[v] < least)) // NaN on either side: a candidate
                        candidates[count++] = Entry(from[v], v);
                }
            }
            return count;
        }

        float MaxOf(float* from, int block)
        {
            float max = float.NegativeInfinity;
            for (int v = 0; v < LengthOf(block); v++)
                max = MathF.Max(max, from[block * BlockLength + v]);
            return max;
        }

        int LengthOf(int block) => Math.Min(BlockLength, V - block * BlockLength);
    }

    readonly struct ArgMaxRows(float* x, int* indices, int V) : IHostBody
    {
        const int BlockLength = 1024; // stays in cache for the search of the place

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
                    float here = HostSums.Max<TWidth, TVector>(
                        from + start, Math.Min(BlockLength, V - start));
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
