// AdamW with moments of 8 bits each: 2.03 bytes a weight beside the weight, where float32 takes 8.
//
//     m, v      decoded from the block's codes and units (FourthPowerCode)
//     w, m', v' as AdamWKernels: the weight moves by the new moments as they are, before they are coded
//     units     of the block: (max |m'|)^(1/4) / 127 and (max v')^(1/4) / 255
//     codes     of m' and v', to nearest; of v' > 0 at least 1
//
//   weight, gradient   [n]
//   m, v               [n/4, rounded up]   four codes an int, the first in the lowest byte; m's with sign
//   units              [2 blocks]          of m and v in turn; a block is 256 weights, the last may be short
//
// Why a v' > 0 is never coded 0: the next step could divide an m that is still there by epsilon alone, 1e8
// times too much. Rounded up to 1 it is too large, so the weight moves too little. Other codes are half a
// step off at most, which leaves sqrt(v) at least 1/2.25 of what it was (code 1 for position 1.5) and makes
// m at most 16 times as large (code 1 for position 0.5, an m below 4e-9 of the block's largest): the
// quotient grows 36-fold at the very worst
// (AdamW8BitTests.A_small_second_moment_does_not_blow_up_the_step).
//
// What rounding to nearest costs: a moment keeps its share of the block's largest until one step changes it
// by half a code, 2 / code of its value. With beta2 = 0.999 a v near the top follows only gradients with
// g^2 > 9 v or so, and never falls by itself; the block's largest, which has a code of its own, is always
// followed and takes the others along. docs/numerics.md has what that does to a training run.
//
// One group per block, four weights per thread. NaN or infinity in a moment makes the unit infinite, and the
// whole block NaN at the next step: it is not hidden.
//
// Host body: AdamW8BitHost.cs.   Oracle: tests/Reference/AdamW8BitReference.cs.

using ILGPU;

namespace HeadTap.Kernels;

/// <summary>The AdamW update over moments in 8 bits.</summary>
public static class AdamW8BitKernels
{
    /// <summary>Threads per group; a power of two, because the tree of the maximum halves it.</summary>
    public const int BlockSize = 64;

    /// <summary>Weights that share two units, and that a group updates: four per thread.</summary>
    public const int BlockLength = FourthPowerCode.BlockLength;

    /// <summary>
    /// Updates weight, m, v and units in place. Grid: blocks. Group: <see cref="BlockSize"/>.
    /// </summary>
    public static void Update(
        ArrayView<float> gradient, ArrayView<float> weight, ArrayView<int> m, ArrayView<int> v,
        ArrayView<float> units, AdamWScalars s)
    {
        ArrayView<float> scratch = SharedMemory.Allocate<float>(BlockSize);
        long block = Grid.IdxX;
        long code = block * BlockSize + Group.IdxX;
        long at = code * 4;
        long left = weight.Length - at;
        int count = left >= 4 ? 4 : left > 0 ? (int)left : 0;
        // A thread past the end has zeros, which change no maximum, and takes part in every barrier.
        Float4 m4 = count > 0 ? Signed(m[code], units[2 * block]) : Float4.All(0f);
        Float4 v4 = count > 0 ? Unsigned(v[code], units[2 * block + 1]) : Float4.All(0f);
        Float4 g = Load(gradient, at, count) * s.GradientScale;
        m4 = m4 * s.Beta1 + g * s.Gain1;
        v4 = v4 * s.Beta2 + g * s.Gain2 * g;
        if (count > 0)
            weight[at] = Moved(weight[at], m4.X, v4.X, s);
        if (count > 1)
            weight[at + 1] = Moved(weight[at + 1], m4.Y, v4.Y, s);
        if (count > 2)
            weight[at + 2] = Moved(weight[at + 2], m4.Z, v4.Z, s);
        if (count > 3)
            weight[at + 3] = Moved(weight[at + 3], m4.W, v4.W, s);

        float mRoot = FourthPowerCode.Root(GroupReduce.Max(Largest(m4), scratch));
        float vRoot = FourthPowerCode.Root(GroupReduce.Max(Largest(v4), scratch));
        if (Group.IdxX == 0)
        {
            units[2 * block] = mRoot / FourthPowerCode.MostSigned;
            units[2 * block + 1] = vRoot / FourthPowerCode.MostUnsigned;
        }
        if (count > 0)
        {
            m[code] = PackSigned(m4, FourthPowerCode.CodesPerRoot(mRoot, FourthPowerCode.MostSigned));
            v[code] = PackUnsigned(v4, FourthPowerCode.CodesPerRoot(vRoot, FourthPowerCode.MostUnsigned));
        }
    }

    static Float4 Load(ArrayView<float> x, long at, int count) => new(
        count > 0 ? x[at] : 0f, count > 1 ? x[at + 1] : 0f,
        count > 2 ? x[at + 2] : 0f, count > 3 ? x[at + 3] : 0f);

    static float Moved(float weight, float m, float v, AdamWScalars s)
        => weight * s.Keep - s.StepSize * m / (MathF.Sqrt(v) * s.RootScale + s.Epsilon);

    static float Largest(Float4 x) => new Float4(
        FourthPowerCode.Magnitude(x.X), FourthPowerCode.Magnitude(x.Y),
        FourthPowerCode.Magnitude(x.Z), FourthPowerCode.Magnitude(x.W)).Largest;

    // Shifts to the left bring a byte's sign to the top, the shift back spreads it.
    static Float4 Signed(int codes, float unit) => new(
        FourthPowerCode.Value(codes << 24 >> 24, unit), FourthPowerCode.Value(codes << 16 >> 24, unit),
        FourthPowerCode.Value(codes << 8 >> 24, unit), FourthPowerCode.Value(codes >> 24, unit));

    static Float4 Unsigned(int codes, float unit) => new(
        FourthPowerCode.Value(codes & 255, unit), FourthPowerCode.Value(codes >> 8 & 255, unit),
        FourthPowerCode.Value(codes >> 16 & 255, unit), FourthPowerCode.Value(codes >> 24 & 255, unit));

    static int PackSigned(Float4 m, float codesPerRoot)
        => Signed8(m.X, codesPerRoot) | Signed8(m.Y, codesPerRoot) << 8
            | Signed8(m.Z, codesPerRoot) << 16 | Signed8(m.W, codesPerRoot) << 24;

    static int PackUnsigned(Float4 v, float codesPerRoot)
        => Unsigned8(v.X, codesPerRoot) | Unsigned8(v.Y, codesPerRoot) << 8
            | Unsigned8(v.Z, codesPerRoot) << 16 | Unsigned8(v.W, codesPerRoot) << 24;

    static int Signed8(float m, float codesPerRoot)
    {
        int code = FourthPowerCode.Nearest(MathF.Abs(m), codesPerRoot, FourthPowerCode.MostSigned);
        return (m < 0f ? -code : code) & 255;
    }

    static int Unsigned8(float v, float codesPerRoot)
    {
        int code = FourthPowerCode.Nearest(v, codesPerRoot, FourthPowerCode.MostUnsigned);
        return v > 0f && code == 0 ? 1 : code;
    }
}
