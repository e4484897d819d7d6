// Tiles of one head as operands of tensor cores, for groups of four warps.
//
//   A tile is 64 lines of 64 numbers, in words: a TF32 number each, or two BF16 numbers. Lines are rows of
//   the head (Load), or its columns, numbers running over 64 rows (LoadTransposed).
//   Eight words are one step of the product: 8 TF32 terms or 16 BF16 terms, so one body serves both.
//
// Quads of words are shuffled, q ^ (line % 8), so that the eight lines of a matrix that ldmatrix reads stand
// in different banks.
//
// A lane holds scores as SumFragment says: of 8 keys those at 2t and 2t + 1. As a left operand of BF16 these
// are its terms; TF32 wants terms t and t + 4. A sum does not ask for the order of its terms, so
// LoadTransposed puts key 2t of eight into word t and key 2t + 1 into word t + 4, and the scores need not
// move.

using ILGPU;

namespace HeadTap.Kernels;

/// <summary>What tensor cores multiply in attention.</summary>
interface IAttentionOperand
{
    /// <summary>Numbers of a word.</summary>
    static abstract int Numbers { get; }

    static abstract SumFragment Multiply<TCores>(LeftFragment a, RightFragment b, SumFragment c)
        where TCores : struct, ITensorCores;
}

/// <summary>TF32: 10 bits after the point.</summary>
struct Tf32Operand : IAttentionOperand
{
    public static int Numbers => 1;

    public static SumFragment Multiply<TCores>(LeftFragment a, RightFragment b, SumFragment c)
        where TCores : struct, ITensorCores => TCores.MultiplyTf32(a, b, c);
}

/// <summary>BF16: 7 bits after the point.</summary>
struct Bf16Operand : IAttentionOperand
{
    public static int Numbers => 2;

    public static SumFragment Multiply<TCores>(LeftFragment a, RightFragment b, SumFragment c)
        where TCores : struct, ITensorCores => TCores.MultiplyBf16(a, b, c);
}

/// <summary>Loads and products of tiles that tensor cores multiply.</summary>
static class AttentionTensorTiles
{
    /// <summary>Threads per group: four warps, 16 lines of the left tile each.</summary>
    internal const int BlockSize = 128;

    /// <summary>Lines of a tile, and numbers of a line.</summary>
    internal const int Side = 64;

    /// <summary>The line that this lane's first sums belong to; the others are eight further.</summary>
    internal static int Line => (Group.IdxX >> 5 << 4) + ((Group.IdxX & 31) >> 2);

    /// <summary>The first of this lane's two columns of eight.</summary>
    internal static int Column => (Group.IdxX & 3) << 1;

    /// <summary>Loads rows [first, first + 64) as lines; zeros from row end and from column D on.</summary>
    internal static void Load<TCores, TOperand>(HeadRows from, ArrayView<float> shared, int tile, int first,
        int end)
        where TCores : struct, ITensorCores
        where TOperand : struct, IAttentionOperand
    {
        int quads = Side / 4 / TOperand.Numbers; // of a line
        int quad = Group.IdxX & (quads - 1);
        for (int row = Group.IdxX / quads; row < Side; row += BlockSize / quads)
        {
            Quad x = default, y = default;
            int d = 4 * TOperand.Numbers * quad;
            long at = from.At(first + row) + d;
            if (first + row < end && d < from.D)
                x = AttentionSharedTiles.Read(from.View, at, from.D - d, from.Aligned);
            if (TOperand.Numbers == 2 && first + row < end && d + 4 < from.D)
                y = AttentionSharedTiles.Read(from.View, at + 4, from.D - d - 4, from.Aligned);
            Store<TCores, TOperand>(shared, tile, row, quad, x, y);
        }
    }

    /// <summary>
    /// Loads rows [first, first + 64) so that a line is a column; zeros from row end and from column D on.
    /// </summary>
    internal static void LoadTransposed<TCores, TOperand>(
        HeadRows from, ArrayView<float> shared, int tile, int first, int end)
        where TCores : struct, ITensorCores
        where TOperand : struct, IAttentionOperand
    {
        int d = Group.IdxX & (Side - 1);
        int rows = d < from.D ? end - first : 0;
        long at = from.At(first) + d;
        for (int quad = Group.IdxX / Side; quad < Side / 4 / TOperand.Numbers; quad += BlockSize / Side)
        {
            // Keys 0 2 4 6 and 1 3 5 7 of eight in two quads, or 0 1 2 3 4 5 6 7 in one.
            int row = TOperand.Numbers == 1 ? quad / 2 * 8 + (quad & 1) : quad * 8;
            int step = TOperand.Numbers == 1 ? 2 : 1;
            Quad x = Rows(from, at, row, step, rows), y = default;
            if (TOperand.Numbers == 2)
                y = Rows(from, at, row + 4, step, rows);
            Store<TCores, TOperand>(shared, tile, d, quad, x, y);
        }
    }

    /// <summary>
    /// Adds the products of this warp's 16 lines of one tile with the 64 lines of another, over the first
    /// <paramref name="D"/> columns, at most 64.
    /// </summary>
    internal static SumRow Scores<TCores, TOperand>(ArrayView<float> shared, int origin, int left,
        int right, int D, SumRow s)
        where TCores : struct, ITensorCores
        where TOperand : struct, IAttentionOperand
    {
        for (int step = 0; step * 8 * TOperand.Numbers < D; step++)
            s = Add<TCores, TOperand>(
                Left<TCores, TOperand>(shared, origin, left, step), shared, origin, right, step, s);
        return s;
    }

    // Step of this warp's 16 lines of a tile.
    static LeftFragment Left<TCores, TOperand>(ArrayView<float> shared, int origin, int tile, int step)
        where TCores : struct, ITensorCores
        where TOperand : struct, IAttentionOperand
    {
        int lane = Group.IdxX & 31;
        int line = (Group.IdxX >> 5 << 4) + (lane & 15);
        return TCores.Load4(shared, origin, tile + Word<TOperand>(line, 2 * step + (lane >> 4)));
    }

    // Adds a step's product with all 64 lines of a tile.
    static SumRow Add<TCores, TOperand>(
        LeftFragment a, ArrayView<float> shared, int origin, int tile, int step, SumRow s)
        where TCores : struct, ITensorCores
        where TOperand : struct, IAttentionOperand
    {
        int lane = Group.IdxX & 31;
        int line = (lane & 7) + (lane >> 4 << 3), quad = 2 * step + (lane >> 3 & 1);
        int at = tile + Word<TOperand>(line, quad), sixteen = 16 * Side / TOperand.Numbers;
        LeftFragment b = TCores.Load4(shared, origin, at);
        s.N0 = TOperand.Multiply<TCores>(a, First(b), s.N0);
        s.N1 = TOperand.Multiply<TCores>(a, Second(b), s.N1);
        b = TCores.Load4(shared, origin, at + sixteen);
        s.N2 = TOperand.Multiply<TCores>(a, First(b), s.N2);
        s.N3 = TOperand.Multiply<TCores>(a, Second(b), s.N3);
        b = TCores.Load4(shared, origin, at + 2 * sixteen);
        s.N4 = TOperand.Multiply<TCores>(a, First(b), s.N4);
        s.N5 = TOperand.Multiply<TCores>(a, Second(b), s.N5);
        b = TCores.Load4(shared, origin, at + 3 * sixteen);
        s.N6 = TOperand.Multiply<TCores>(a, First(b), s.N6);
        s.N7 = TOperand.Multiply<TCores>(a, Second(b), s.N7);
        return s;
    }

    /// <summary>Adds the product of a lane's weights with a tile of <see cref="LoadTransposed"/>.</summary>
    internal static SumRow Mix<TCores, TOperand>(SumRow p, ArrayView<float> shared, int origin, int tile,
        SumRow s)
        where TCores : struct, ITensorCores
        where TOperand : struct, IAttentionOperand
    {
        if (TOperand.Numbers == 1)
        {
            s = Add<TCores, TOperand>(Words<TCores>(p.N0), shared, origin, tile, 0, s);
            s = Add<TCores, TOperand>(Words<TCores>(p.N1), shared, origin, tile, 1, s);
            s = Add<TCores, TOperand>(Words<TCores>(p.N2), shared, origin, tile, 2, s);
            s = Add<TCores, TOperand>(Words<TCores>(p.N3), shared, origin, tile, 3, s);
            s = Add<TCores, TOperand>(Words<TCores>(p.N4), shared, origin, tile, 4, s);
            s = Add<TCores, TOperand>(Words<TCores>(p.N5), shared, origin, tile, 5, s);
            s = Add<TCores, TOperand>(Words<TCores>(p.N6), shared, origin, tile, 6, s);
            return Add<TCores, TOperand>(Words<TCores>(p.N7), shared, origin, tile, 7, s);
        }
        s = Add<TCores, TOperand>(Pairs<TCores>(p.N0, p.N1), shared, origin, tile, 0, s);
        s = Add<TCores, TOperand>(Pairs<TCores>(p.N2, p.N3), shared, origin, tile, 1, s);
        s = Add<TCores, TOperand>(Pairs<TCores>(p.N4, p.N5), shared, origin, tile, 2, s);
        return Add<TCores, TOperand>(Pairs<TCores>(p.N6, p.N7), shared, origin, tile, 3, s);
    }

    static Quad Rows(HeadRows from, long at, int row, int step, int rows) => new(
        row < rows ? from.View[at + (long)row * from.Stride] : 0f,
        row + step < rows ? from.View[at + (long)(row + step) * from.Stride] : 0f,
        row + 2 * step < rows ? from.View[at + (long)(row + 2 * step) * from.Stride] : 0f,
        row + 3 * step < rows ? from.View[at + (long)(row + 3 * step) * from.Stride] : 0f);

    static void Store<TCores, TOperand>(ArrayView<float> shared, int tile, int line, int quad, Quad x, Quad y)
        where TCores : struct, ITensorCores
        where TOperand : struct, IAttentionOperand
    {
        Quad words = TOperand.Numbers == 1
            ? new(Number(TCores.Tf32(x.X)), Number(TCores.Tf32(x.Y)), Number(TCores.Tf32(x.Z)),
                Number(TCores.Tf32(x.W)))
            : new(Number(TCores.Bf16Pair(x.X, x.Y)), Number(TCores.Bf16Pair(x.Z, x.W)),
                Number(TCores.Bf16Pair(y.X, y.Y)), Number(TCores.Bf16Pair(y.Z, y.W)));
        AttentionSharedTiles.Quads(shared)[(tile + Word<TOperand>(line, quad)) / 4] = words;
    }

    static int Word<TOperand>(int line, int quad)
        where TOperand : struct, IAttentionOperand
        => line * (Side / TOperand.Numbers) + ((quad ^ (line & 7)) << 2);

    static LeftFragment Words<TCores>(SumFragment p)
        where TCores : struct, ITensorCores
        => new()
        {
            R0 = TCores.Tf32(p.C0), R1 = TCores.Tf32(p.C2), R2 = TCores.Tf32(p.C1), R3 = TCores.Tf32(p.C3),
        };

    static LeftFragment Pairs<TCores>(SumFragment p, SumFragment q)
        where TCores : struct, ITensorCores
        => new()
        {
            R0 = TCores.Bf16Pair(p.C0, p.C1), R1 = TCores.Bf16Pair(p.C2, p.C3),
            R2 = TCores.Bf16Pair(q.C0, q.C1), R3 = TCores.Bf16Pair(q.C2, q.C3),
        };

    static RightFragment First(LeftFragment two) => new() { R0 = two.R0, R1 = two.R1 };

    static RightFragment Second(LeftFragment two) => new() { R0 = two.R2, R1 = two.R3 };

    static float Number(uint word) => Interop.IntAsFloat(word);
}
