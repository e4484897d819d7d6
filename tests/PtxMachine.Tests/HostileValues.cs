namespace HeadTap.PtxMachine.Tests;

/// <summary>Bit patterns that break careless arithmetic, as integers and as floats.</summary>
static class HostileValues
{
    static readonly uint[] _words =
    [
        0, 1, 2, 3, 31, 32, 33, 63, 64, 65, 0x7fffffff, 0x80000000, 0x80000001, 0xffffffff, 0xfffffffe,
        0x00800000, 0x007fffff, 0x80000fff, // least normal, greatest subnormal, a negative subnormal
        0x3f800000, 0xbf800000, 0x3f000000, 0x40200000, 0xc0200000, 0x3fc00000, // 1 -1 0.5 2.5 -2.5 1.5
        0x7f800000, 0xff800000, 0x7fc00000, 0x7f800001, 0xffc12345, // infinities, NaN of three kinds
        0x7f7fffff, 0xff7fffff, // greatest finite
        0x3f801000, 0x3f803000, 0x3f808000, 0x3f818000, // ties of TF32 and of bfloat16
        0x4effffff, 0x4f000000, 0xcf000000, 0x4f800000, 0x5f000000, 0xdf000000, // ends of 32 and 64 bits
        0x42fe0000, 0xc2fc0000, 0xc3150000, 0x43000000, // 127, -126, -149, 128
    ];

    /// <summary>Words: the hostile ones, then seeded ones.</summary>
    public static uint[] Words { get; } = [.. _words, .. Seeded(64 - _words.Length)];

    /// <summary>64-bit numbers: words alone, words above words, and seeded ones.</summary>
    public static ulong[] Longs { get; } =
    [
        .. _words.Select(w => (ulong)w), .. _words.Select(w => (ulong)w << 32),
        ulong.MaxValue, long.MaxValue, 1ul << 63, ulong.MaxValue - 1,
        .. Seeded(32).Zip(Seeded(64).Skip(32), (a, b) => (ulong)a << 32 | b),
    ];

    static IEnumerable<uint> Seeded(int count)
    {
        Random random = new(20261130);
        for (int i = 0; i < count; i++)
            yield return (uint)random.NextInt64(1L << 32);
    }
}
