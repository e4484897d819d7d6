using System.Text;

namespace HeadTap.Merge;

/// <summary>
/// A random number for each place of a tensor: the same whatever was asked before, so that masks do not
/// depend on pieces or threads.
/// </summary>
readonly struct PlaceRandom
{
    const ulong Golden = 0x9E3779B97F4A7C15;

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

    // SplitMix64's finalizer (Steele, Lea and Flood, 2014).
    static ulong Mix(ulong x)
    {
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
        x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
        return x ^ (x >> 31);
    }
}
