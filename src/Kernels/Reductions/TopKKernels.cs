// The largest elements of each row, with their places.
//
//   x                 [rows, V]
//   values, indices   [rows, k]    descending; ties by lowest index; NaN counts as largest
//
// TopK runs one group per row and k passes: each finds the best element that comes after the last one found.
// No pass changes x, and the row stays in cache.
//
// Host body: TopKHost.cs.   Oracle: tests/Reference/TopKReference.cs.

using ILGPU;

namespace HeadTap.Kernels;

/// <summary>Largest elements of rows.</summary>
public static class TopKKernels
{
    /// <summary>Threads per group; a power of two.</summary>
    public const int BlockSize = 256;

    /// <summary>Writes values and indices. Grid: rows. Group: <see cref="BlockSize"/>.</summary>
    public static void TopK(ArrayView<float> x, ArrayView<float> values, ArrayView<int> indices, int V, int k)
    {
        ArrayView<int> keys = SharedMemory.Allocate<int>(BlockSize);
        ArrayView<int> places = SharedMemory.Allocate<int>(BlockSize);
        long start = (long)Grid.IdxX * V;
        int lastKey = int.MaxValue;
        int lastPlace = -1;
        for (int rank = 0; rank < k; rank++)
        {
            int bestKey = int.MinValue;
            int bestPlace = int.MaxValue;
            for (int v = Group.IdxX; v < V; v += BlockSize)
            {
                int key = Key(x[start + v]);
                bool after = key < lastKey || (key == lastKey && v > lastPlace);
                if (after && (key > bestKey || bestPlace == int.MaxValue))
                {
                    bestKey = key;
                    bestPlace = v;
                }
            }
            Best(bestKey, bestPlace, keys, places);
            lastKey = keys[0];
            lastPlace = places[0];
            Group.Barrier(); // everyone has read the winner before the next round overwrites it
            if (Group.IdxX == 0)
            {
                values[(long)Grid.IdxX * k + rank] = x[start + lastPlace];
                indices[(long)Grid.IdxX * k + rank] = lastPlace;
            }
        }
    }

    /// <summary>Writes indices [rows]. Grid: rows. Group: <see cref="BlockSize"/>.</summary>
    public static void ArgMax(ArrayView<float> x, ArrayView<int> indices, int V)
    {
        ArrayView<int> keys = SharedMemory.Allocate<int>(BlockSize);
        ArrayView<int> places = SharedMemory.Allocate<int>(BlockSize);
        long start = (long)Grid.IdxX * V;
        int bestKey = int.MinValue;
        int bestPlace = int.MaxValue;
        for (int v = Group.IdxX; v < V; v += BlockSize)
        {
            int key = Key(x[start + v]);
            if (key > bestKey)
            {
                bestKey = key;
                bestPlace = v;
            }
        }
        Best(bestKey, bestPlace, keys, places);
        if (Group.IdxX == 0)
            indices[Grid.IdxX] = places[0];
    }

    /// <summary>
    /// A whole number in the order of the floats: larger value, larger key; -0 as 0; NaN above infinity.
    /// Never int.MinValue.
    /// </summary>
    internal static int Key(float value)
    {
        if (!(value <= float.PositiveInfinity))
            return int.MaxValue; // NaN of either sign
        int bits = (int)Interop.FloatAsInt(value);
        if (bits == int.MinValue)
            return 0; // -0
        return bits >= 0 ? bits : bits ^ int.MaxValue; // bits of negative floats grow towards -infinity
    }

    /// <summary>Leaves the group's largest key, and its lowest place, in element 0.</summary>
    static void Best(int key, int place, ArrayView<int> keys, ArrayView<int> places)
    {
        int lane = Group.IdxX;
        keys[lane] = key;
        places[lane] = place;
        Group.Barrier(); // every candidate is there
        for (int half = BlockSize / 2; half > 0; half /= 2)
        {
            if (lane < half)
            {
                int otherKey = keys[lane + half];
                int otherPlace = places[lane + half];
                if (otherKey > keys[lane] || (otherKey == keys[lane] && otherPlace < places[lane]))
                {
                    keys[lane] = otherKey;
                    places[lane] = otherPlace;
                }
            }
            Group.Barrier(); // this level is compared before the next reads it
        }
    }
}
