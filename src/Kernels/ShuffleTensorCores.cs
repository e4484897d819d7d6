using ILGPU;

namespace HeadTap.Kernels;

/// <summary>
/// The fragments of <see cref="PtxTensorCores"/>, computed by warp shuffles: for tests on ILGPU's simulator with
/// warps of 32. Products of rounded operands are exact in float32; they are added one by one in the order of the
/// terms, where hardware adds several at once and may round a sum the other way.
/// </summary>
public readonly struct ShuffleTensorCores : ITensorCores
{
    /// <inheritdoc/>
    public static int Origin(ArrayView<float> shared) => 0;

    /// <inheritdoc/>
    public static long Address(ArrayView<float> global) => 0;

    /// <inheritdoc/>
    public static SumFragment MultiplyTf32(LeftFragment a, RightFragment b, SumFragment c)
    {
        int g = Warp.LaneIdx / 4, t = Warp.LaneIdx % 4;
        // Terms j and j + 4 come together, so two passes keep the order of the terms.
        for (int half = 0; half < 2; half++)
            for (int j = 0; j < 4; j++)
            {
                LeftFragment x = Warp.Shuffle(a, 4 * g + j);
                RightFragment v = Warp.Shuffle(b, 8 * t + j), w = Warp.Shuffle(b, 8 * t + 4 + j);
                float upper = Number(half == 0 ? x.R0 : x.R2), lower = Number(half == 0 ? x.R1 : x.R3);
                float left = Number(half == 0 ? v.R0 : v.R1), right = Number(half == 0 ? w.R0 : w.R1);
                c.C0 += upper * left;
                c.C1 += upper * right;
                c.C2 += lower * left;
                c.C3 += lower * right;
            }
        return c;
    }

    /// <inheritdoc/>
    public static SumFragment MultiplyBf16(LeftFragment a, RightFragment b, SumFragment c)
    {
        int g = Warp.LaneIdx / 4, t = Warp.LaneIdx % 4;
        for (int half = 0; half < 2; half++)
            for (int j = 0; j < 4; j++)
            {
                LeftFragment x = Warp.Shuffle(a, 4 * g + j);
                RightFragment v = Warp.Shuffle(b, 8 * t + j), w = Warp.Shuffle(b, 8 * t + 4 + j);
                uint upper = half == 0 ? x.R0 : x.R2, lower = half == 0 ? x.R1 : x.R3;
                uint left = half == 0 ? v.R0 : v.R1, right = half == 0 ? w.R0 : w.R1;
                c.C0 = c.C0 + Low(upper) * Low(left) + High(upper) * High(left);
                c.C1 = c.C1 + Low(upper) * Low(right) + High(upper) * High(right);
                c.C2 = c.C2 + Low(lower) * Low(left) + High(lower) * High(left);
                c.C3 = c.C3 + Low(lower) * Low(right) + High(lower) * High(right);
            }
        return c;
    }

    /// <inheritdoc/>
    public static LeftFragment Load4(ArrayView<float> shared, int origin, int word)
        => new()
        {
            R0 = Row(shared, word, 0), R1 = Row(shared, word, 1),
            R2 = Row(shared, word, 2), R3 = Row(shared, word, 3),
        };

    /// <inheritdoc/>
    public static RightFragment Load2(ArrayView<float> shared, int origin, int word)
        => new() { R0 = Row(shared, word, 0), R1 = Row(shared, word, 1) };

    /// <inheritdoc/>
    public static LeftFragment Load4Transposed(ArrayView<float> shared, int origin, int word)
        => new()
        {
            R0 = Column(shared, word, 0), R1 = Column(shared, word, 1),
            R2 = Column(shared, word, 2), R3 = Column(shared, word, 3),
        };

    /// <inheritdoc/>
    public static RightFragment Load2Transposed(ArrayView<float> shared, int origin, int word)
        => new() { R0 = Column(shared, word, 0), R1 = Column(shared, word, 1) };

    /// <inheritdoc/>
    public static uint Tf32(float value)
    {
        uint bits = Interop.FloatAsInt(value);
        if ((bits & 0x7F800000) == 0x7F800000) // infinity stays, and a NaN must not lose its payload to the cut
            return (bits & 0x7FFFFF) == 0 ? bits : 0x7FFFE000;
        return (bits + 0x1000) & 0xFFFFE000;
    }

    /// <inheritdoc/>
    public static uint Bf16Pair(float low, float high) => Bf16(low) | (Bf16(high) << 16);

    /// <inheritdoc/>
    public static void Copy4(
        ArrayView<float> shared, int origin, int word, ArrayView<float> global, long address, long at, int count)
    {
        for (int i = 0; i < 4; i++)
            shared[word + i] = i < count ? global[at + i] : 0f;
    }

    /// <inheritdoc/>
    public static void Copy1(
        ArrayView<float> shared, int origin, int word, ArrayView<float> global, long address, long at, int count)
        => shared[word] = count > 0 ? global[at] : 0f;

    /// <inheritdoc/>
    public static void Commit() { }

    /// <inheritdoc/>
    public static void WaitAll() { }

    /// <inheritdoc/>
    public static void WaitAllButOne() { }

    /// <inheritdoc/>
    public static void WaitAllButTwo() { }

    static uint Row(ArrayView<float> shared, int word, int matrix)
    {
        int lane = Warp.LaneIdx;
        return Interop.FloatAsInt(shared[Warp.Shuffle(word, 8 * matrix + lane / 4) + lane % 4]);
    }

    static uint Column(ArrayView<float> shared, int word, int matrix)
    {
        int g = Warp.LaneIdx / 4, t = Warp.LaneIdx % 4;
        uint even = Interop.FloatAsInt(shared[Warp.Shuffle(word, 8 * matrix + 2 * t) + g / 2]);
        uint odd = Interop.FloatAsInt(shared[Warp.Shuffle(word, 8 * matrix + 2 * t + 1) + g / 2]);
        int shift = 16 * (g % 2);
        return ((even >> shift) & 0xFFFF) | (((odd >> shift) & 0xFFFF) << 16);
    }

    static uint Bf16(float value)
    {
        uint bits = Interop.FloatAsInt(value);
        if ((bits & 0x7FFFFFFF) > 0x7F800000)
            return 0x7FFF;
        return (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16;
    }

    static float Number(uint bits) => Interop.IntAsFloat(bits);

    static float Low(uint pair) => Interop.IntAsFloat(pair << 16);

    static float High(uint pair) => Interop.IntAsFloat(pair & 0xFFFF0000);
}
