using System.Numerics;

namespace HeadTap.Models;

/// <summary>
/// xoshiro256** (Blackman and Vigna, 2018), seeded by SplitMix64. The same seed gives the same numbers on
/// every machine and .NET version, which <see cref="Random"/> does not promise, and its state can be saved.
/// </summary>
public sealed class SeededRandom
{
    ulong _a, _b, _c, _d;

    /// <summary>A generator for a seed; every seed is valid.</summary>
    public SeededRandom(ulong seed)
    {
        _a = SplitMix(ref seed);
        _b = SplitMix(ref seed);
        _c = SplitMix(ref seed);
        _d = SplitMix(ref seed);
    }

    /// <summary>An independent generator for part <paramref name="stream"/> of a seeded job.</summary>
    public SeededRandom(ulong seed, ulong stream) : this(seed ^ SplitMix(ref stream))
    {
    }

    /// <summary>The four words a checkpoint keeps.</summary>
    public ulong[] State
    {
        get => [_a, _b, _c, _d];
        set
        {
            if (value is not { Length: 4 } || (value[0] | value[1] | value[2] | value[3]) == 0)
                throw new ArgumentException("A state has four words, not all zero.", nameof(value));
            (_a, _b, _c, _d) = (value[0], value[1], value[2], value[3]);
        }
    }

    /// <summary>64 random bits.</summary>
    public ulong NextUInt64()
    {
        ulong result = BitOperations.RotateLeft(_b * 5, 7) * 9;
        ulong t = _b << 17;
        _c ^= _a;
        _d ^= _b;
        _b ^= _c;
        _a ^= _d;
        _c ^= t;
        _d = BitOperations.RotateLeft(_d, 45);
        return result;
    }

    /// <summary>A whole number in [0, <paramref name="exclusiveEnd"/>), each equally likely.</summary>
    public int Next(int exclusiveEnd)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(exclusiveEnd);
        // Lemire's multiply-shift with rejection: a plain modulo favours small numbers.
        uint n = (uint)exclusiveEnd;
        uint threshold = (0u - n) % n;
        while (true)
        {
            ulong product = (NextUInt64() >> 32) * n;
            if ((uint)product >= threshold)
                return (int)(product >> 32);
        }
    }

    /// <summary>Uniform in [0, 1) with 53 bits.</summary>
    public double NextDouble() => (NextUInt64() >> 11) * (1.0 / (1UL << 53));

    /// <summary>
    /// Standard normal (Box and Muller, 1958; one value per two uniforms, so the state says it all).
    /// </summary>
    public double NextNormal()
    {
        double u = 1.0 - NextDouble(); // in (0, 1]: the logarithm stays finite
        return Math.Sqrt(-2.0 * Math.Log(u)) * Math.Cos(2.0 * Math.PI * NextDouble());
    }

    /// <summary>Fills with normal values of the given standard deviation.</summary>
    public void FillNormal(Span<float> values, float standardDeviation)
    {
        for (int i = 0; i < values.Length; i++)
            values[i] = (float)(NextNormal() * standardDeviation);
    }

    /// <summary>Shuffles in place (Fisher and Yates).</summary>
    public void Shuffle<T>(Span<T> items)
    {
        for (int i = items.Length - 1; i > 0; i--)
        {
            int j = Next(i + 1);
            (items[i], items[j]) = (items[j], items[i]);
        }
    }

    static ulong SplitMix(ref ulong state)
    {
        ulong z = state += 0x9E3779B97F4A7C15UL;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9UL;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBUL;
        return z ^ (z >> 31);
    }
}
