using System.Numerics;
using System.Text;

namespace HeadTap.Merge;

/// <summary>
/// A random number for each place of a tensor: the same whatever was asked before, so that masks do not
/// depend on pieces or threads.
/// </summary>
readonly struct PlaceRandom
{
    const ulong Golden = 0x9E3779B97F4A7C15, FirstFactor = 0xBF58476D1CE4E5B9,
        SecondFactor = 0x94D049BB133111EB;

    readonly ulong _key;

    /// <summary>Numbers for a model's tensor.</summary>
    internal PlaceRandom(ulong seed, string tensor, int model)
    {
        ulong hash = 14695981039346656037; // FNV-1a
        foreach (byte b in Encoding.UTF8.GetBytes(tensor))
            hash = (hash ^ b) * 1099511628211;
        _key = Mix(Mix(seed + Golden) ^ Mix(hash + (ulong)model * Golden));
    }

    /// <summary>A number in [0, 1) of 53 bits.</summary>
    internal double At(long place) => (Mix(_key + (ulong)place * Golden) >> 11) * (1.0 / (1UL << 53));

    /// <summary>Copies the values at whose place the number is below <paramref name="share"/>; the others
    /// stay as they are in <paramref name="to"/>.</summary>
    internal void Where(long start, double share, ReadOnlySpan<float> values, Span<float> to)
    {
        // The numbers are whole multiples of 2^-53, so below a share is below a whole number.
        var below = new Vector<long>((long)Math.Ceiling(share * (1UL << 53)));
        Span<ulong> steps = stackalloc ulong[Vector<ulong>.Count];
        for (int k = 0; k < steps.Length; k++)
            steps[k] = (ulong)k * Golden;
        Vector<ulong> low = new Vector<ulong>(steps) + new Vector<ulong>(_key + (ulong)start * Golden);
        ulong half = (ulong)Vector<ulong>.Count * Golden;
        int i = 0;
        for (; i + Vector<float>.Count <= to.Length; i += Vector<float>.Count)
        {
            var high = low + new Vector<ulong>(half);
            Vector<int> chosen = Vector.Narrow(Below(low, below), Below(high, below));
            Vector.ConditionalSelect(chosen, new Vector<float>(values[i..]), new Vector<float>(to[i..]))
                .CopyTo(to[i..]);
            low = high + new Vector<ulong>(half);
        }
        for (; i < to.Length; i++)
            if (At(start + i) < share)
                to[i] = values[i];
    }

    static Vector<long> Below(Vector<ulong> state, Vector<long> bound)
    {
        state = (state ^ (state >>> 30)) * new Vector<ulong>(FirstFactor);
        state = (state ^ (state >>> 27)) * new Vector<ulong>(SecondFactor);
        return Vector.LessThan(Vector.AsVectorInt64((state ^ (state >>> 31)) >>> 11), bound);
    }

    // SplitMix64's finalizer (Steele, Lea and Flood, 2014).
    static ulong Mix(ulong x)
    {
        x = (x ^ (x >> 30)) * FirstFactor;
        x = (x ^ (x >> 27)) * SecondFactor;
        return x ^ (x >> 31);
    }
}
