using ILGPU;

namespace HeadTap.Kernels;

/// <summary>
/// The fragments of <see cref="PtxTensorCores"/>, exchanged in shared memory: for tests on ILGPU's
/// simulator with warps of 32. Products of rounded operands are exact in float32; they are added one by
/// one, 0, 4, 1, 5 .. of eight TF32 terms and 0, 1, 8, 9, 2 .. of sixteen BF16 ones: the order in which
/// lanes hold them. Hardware adds several at once and may round a sum the other way.
/// </summary>
public readonly struct SimulatorTensorCores : ITensorCores
{
    // Threads of the largest group; the group's size is no constant where this is compiled.
    const int MostThreads = 256;

    /// <inheritdoc/>
    public static int Origin(ArrayView<float> shared) => 0;

    /// <inheritdoc/>
    public static long Address(ArrayView<float> global) => 0;

    /// <inheritdoc/>
    public static SumFragment MultiplyTf32(LeftFragment a, RightFragment b, SumFragment c)
        => Multiply<Tf32Word>(a, b, c);

    /// <inheritdoc/>
    public static SumFragment MultiplyBf16(LeftFragment a, RightFragment b, SumFragment c)
        => Multiply<Bf16Word>(a, b, c);

    /// <inheritdoc/>
    public static LeftFragment Load4(ArrayView<float> shared, int origin, int word)
    {
        ArrayView<int> rows = Exchange(word);
        int first = FirstLane();
        var result = new LeftFragment
        {
            R0 = Row(shared, rows, first), R1 = Row(shared, rows, first + 8),
            R2 = Row(shared, rows, first + 16), R3 = Row(shared, rows, first + 24),
        };
        Warp.Barrier();
        return result;
    }

    /// <inheritdoc/>
    public static RightFragment Load2(ArrayView<float> shared, int origin, int word)
    {
        ArrayView<int> rows = Exchange(word);
        int first = FirstLane();
        var result = new RightFragment { R0 = Row(shared, rows, first), R1 = Row(shared, rows, first + 8) };
        Warp.Barrier();
        return result;
    }

    /// <inheritdoc/>
    public static LeftFragment Load4Transposed(ArrayView<float> shared, int origin, int word)
    {
        ArrayView<int> rows = Exchange(word);
        int first = FirstLane();
        var result = new LeftFragment
        {
            R0 = Column(shared, rows, first), R1 = Column(shared, rows, first + 8),
            R2 = Column(shared, rows, first + 16), R3 = Column(shared, rows, first + 24),
        };
        Warp.Barrier();
        return result;
    }

    /// <inheritdoc/>
    public static RightFragment Load2Transposed(ArrayView<float> shared, int origin, int word)
    {
        ArrayView<int> rows = Exchange(word);
        int first = FirstLane();
        var result = new RightFragment
        {
            R0 = Column(shared, rows, first), R1 = Column(shared, rows, first + 8),
        };
        Warp.Barrier();
        return result;
    }

    /// <inheritdoc/>
    public static uint Tf32(float value)
    {
        uint bits = Interop.FloatAsInt(value);
        // infinity stays, and a NaN must not lose its payload to the cut
        if ((bits & 0x7F800000) == 0x7F800000)
            return (bits & 0x7FFFFF) == 0 ? bits : 0x7FFFE000;
        return (bits + 0x1000) & 0xFFFFE000;
    }

    /// <inheritdoc/>
    public static uint Bf16Pair(float low, float high) => Bf16(low) | (Bf16(high) << 16);

    /// <inheritdoc/>
    public static void Copy4(
        ArrayView<float> shared, int origin, int word, ArrayView<float> global,
        long address, long at, int count)
    {
        for (int i = 0; i < 4; i++)
            shared[word + i] = i < count ? global[at + i] : 0f;
    }

    /// <inheritdoc/>
    public static void Copy1(
        ArrayView<float> shared, int origin, int word, ArrayView<float> global,
        long address, long at, int count)
        => shared[word] = count > 0 ? global[at] : 0f;

    /// <inheritdoc/>
    public static void Commit() { }

    /// <inheritdoc/>
    public static void WaitAll() { }

    /// <inheritdoc/>
    public static void WaitAllButOne() { }

    /// <inheritdoc/>
    public static void WaitAllButTwo() { }

    static SumFragment Multiply<TWord>(LeftFragment a, RightFragment b, SumFragment c)
        where TWord : struct, IWord
    {
        ArrayView<LeftFragment> left = SharedMemory.Allocate<LeftFragment>(MostThreads);
        ArrayView<RightFragment> right = SharedMemory.Allocate<RightFragment>(MostThreads);
        int lane = Warp.LaneIdx, first = FirstLane(), g = lane / 4, t = lane % 4;
        left[first + lane] = a;
        right[first + lane] = b;
        Warp.Barrier();
        for (int j = 0; j < 4; j++)
        {
            LeftFragment x = left[first + 4 * g + j];
            RightFragment v = right[first + 8 * t + j], w = right[first + 8 * t + 4 + j];
            c.C0 = TWord.Add(TWord.Add(c.C0, x.R0, v.R0), x.R2, v.R1);
            c.C1 = TWord.Add(TWord.Add(c.C1, x.R0, w.R0), x.R2, w.R1);
            c.C2 = TWord.Add(TWord.Add(c.C2, x.R1, v.R0), x.R3, v.R1);
            c.C3 = TWord.Add(TWord.Add(c.C3, x.R1, w.R0), x.R3, w.R1);
        }
        Warp.Barrier(); // the next product writes there
        return c;
    }

    // One exchange in shared memory, two meetings of the warp: a shuffle of the simulator is two meetings
    // too, and a product took 32 of them.
    static ArrayView<int> Exchange(int word)
    {
        ArrayView<int> words = SharedMemory.Allocate<int>(MostThreads);
        words[FirstLane() + Warp.LaneIdx] = word;
        Warp.Barrier();
        return words;
    }

    // Where a warp's part of an exchange begins: no warp sees another's.
    static int FirstLane() => Warp.WarpSize * Warp.WarpIdx;

    // Matrix at the lanes from first: lane 4g + t gets word t of row g.
    static uint Row(ArrayView<float> shared, ArrayView<int> rows, int first)
    {
        int lane = Warp.LaneIdx;
        return Interop.FloatAsInt(shared[rows[first + lane / 4] + lane % 4]);
    }

    static uint Column(ArrayView<float> shared, ArrayView<int> rows, int first)
    {
        int g = Warp.LaneIdx / 4, t = Warp.LaneIdx % 4;
        uint even = Interop.FloatAsInt(shared[rows[first + 2 * t] + g / 2]);
        uint odd = Interop.FloatAsInt(shared[rows[first + 2 * t + 1] + g / 2]);
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

    // The terms that a word of a fragment holds.
    interface IWord
    {
        // Adds the products of two words' terms, the first term first.
        static abstract float Add(float sum, uint a, uint b);
    }

    readonly struct Tf32Word : IWord
    {
        public static float Add(float sum, uint a, uint b)
            => sum + Interop.IntAsFloat(a) * Interop.IntAsFloat(b);
    }

    readonly struct Bf16Word : IWord
    {
        public static float Add(float sum, uint a, uint b) => sum + Low(a) * Low(b) + High(a) * High(b);

        static float Low(uint pair) => Interop.IntAsFloat(pair << 16);

        static float High(uint pair) => Interop.IntAsFloat(pair & 0xFFFF0000);
    }
}
