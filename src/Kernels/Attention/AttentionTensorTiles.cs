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
    internal static void Load<TCores, TNumber>(HeadRows from, ArrayView<float> shared, int tile, int first,
        int end)
        where TCores : struct, ITensorCores
        where TNumber : struct, ITensorNumber
    {
        int quads = Side / 4 / TNumber.PerWord; // of a line
        int quad = Group.IdxX & (quads - 1);
        for (int row = Group.IdxX / quads; row < Side; row += BlockSize / quads)
        {
            Float4 x = default, y = default;
            int d = 4 * TNumber.PerWord * quad;
            long at = from.At(first + row) + d;
            if (first + row < end && d < from.D)
                x = AttentionSharedTiles.Read(from.View, at, from.D - d, from.Aligned);
            if (TNumber.PerWord == 2 && first + row < end && d + 4 < from.D)
                y = AttentionSharedTiles.Read(from.View, at + 4, from.D - d - 4, from.Aligned);
            Store<TCores, TNumber>(shared, tile, row, quad, x, y);
        }
    }

    /// <summary>
    /// Loads rows [first, first + 64) so that a line is a column; zeros from row end and from column D on.
    /// </summary>
    internal static void LoadTransposed<TCores, TNumber>(
        HeadRows from, ArrayView<float> shared, int tile, int first, int end)
        where TCores : struct, ITensorCores
        where TNumber : struct, ITensorNumber
    {
        int d = Group.IdxX & (Side - 1);
        int rows = d < from.D ? end - first : 0;
        long at = from.At(first) + d;
        for (int quad = Group.IdxX / Side; quad < Side / 4 / TNumber.PerWord; quad += BlockSize / Side)
        {
            // Keys 0 2 4 6 and 1 3 5 7 of eight in two quads, or 0 1 2 3 4 5 6 7 in one.
            int row = TNumber.PerWord == 1 ? quad / 2 * 8 + (quad & 1) : quad * 8;
            int step = TNumber.PerWord == 1 ? 2 : 1;
            Float4 x = Rows(from, at, row, step, rows), y = default;
            if (TNumber.PerWord == 2)
                y = Rows(from, at, row + 4, step, rows);
            Store<TCores, TNumber>(shared, tile, d, quad, x, y);
        }
    }

    /// <summary>
    /// Adds the products of this warp's 16 lines of one tile with the 64 lines of another, over the first
    /// <paramref name="D"/> columns, at most 64.
    /// </summary>
    internal static Accumulator16x64 Scores<TCores, TNumber>(
        ArrayView<float> shared, int origin, int left, int right, int D, Accumulator16x64 s)
        where TCores : struct, ITensorCores
        where TNumber : struct, ITensorNumber
    {
        for (int step = 0; step * 8 * TNumber.PerWord < D; step++)
            s = Add<TCores, TNumber>(
                Left<TCores, TNumber>(shared, origin, left, step), shared, origin, right, step, s);
        return s;
    }

    // Step of this warp's 16 lines of a tile.
    static LeftFragment Left<TCores, TNumber>(ArrayView<float> shared, int origin, int tile, int step)
        where TCores : struct, ITensorCores
        where TNumber : struct, ITensorNumber
    {
        int lane = Group.IdxX & 31;
        int line = (Group.IdxX >> 5 << 4) + (lane & 15);
        return TCores.Load4(shared, origin, tile + Word<TNumber>(line, 2 * step + (lane >> 4)));
    }

    // Adds a step's product with all 64 lines of a tile.
    static Accumulator16x64 Add<TCores, TNumber>(
        LeftFragment a, ArrayView<float> shared, int origin, int tile, int step, Accumulator16x64 s)
        where TCores : struct, ITensorCores
        where TNumber : struct, ITensorNumber
    {
        int lane = Group.IdxX & 31;
        int line = (lane & 7) + (lane >> 4 << 3), quad = 2 * step + (lane >> 3 & 1);
        int at = tile + Word<TNumber>(line, quad), sixteen = 16 * Side / TNumber.PerWord;
        LeftFragment b = TCores.Load4(shared, origin, at);
        s.N0 = TNumber.Multiply<TCores>(a, First(b), s.N0);
        s.N1 = TNumber.Multiply<TCores>(a, Second(b), s.N1);
        b = TCores.Load4(shared, origin, at + sixteen);
        s.N2 = TNumber.Multiply<TCores>(a, First(b), s.N2);
        s.N3 = TNumber.Multiply<TCores>(a, Second(b), s.N3);
        b = TCores.Load4(shared, origin, at + 2 * sixteen);
        s.N4 = TNumber.Multiply<TCores>(a, First(b), s.N4);
        s.N5 = TNumber.Multiply<TCores>(a, Second(b), s.N5);
        b = TCores.Load4(shared, origin, at + 3 * sixteen);
        s.N6 = TNumber.Multiply<TCores>(a, First(b), s.N6);
        s.N7 = TNumber.Multiply<TCores>(a, Second(b), s.N7);
        return s;
    }

    /// <summary>Adds the product of a lane's weights with a tile of <see cref="LoadTransposed"/>.</summary>
    internal static Accumulator16x64 Mix<TCores, TNumber>(
        Accumulator16x64 p, ArrayView<float> shared, int origin, int tile, Accumulator16x64 s)
        where TCores : struct, ITensorCores
        where TNumber : struct, ITensorNumber
    {
        if (TNumber.PerWord == 1)
        {
            s = Add<TCores, TNumber>(Words<TCores>(p.N0), shared, origin, tile, 0, s);
            s = Add<TCores, TNumber>(Words<TCores>(p.N1), shared, origin, tile, 1, s);
            s = Add<TCores, TNumber>(Words<TCores>(p.N2), shared, origin, tile, 2, s);
            s = Add<TCores, TNumber>(Words<TCores>(p.N3), shared, origin, tile, 3, s);
            s = Add<TCores, TNumber>(Words<TCores>(p.N4), shared, origin, tile, 4, s);
            s = Add<TCores, TNumber>(Words<TCores>(p.N5), shared, origin, tile, 5, s);
            s = Add<TCores, TNumber>(Words<TCores>(p.N6), shared, origin, tile, 6, s);
            return Add<TCores, TNumber>(Words<TCores>(p.N7), shared, origin, tile, 7, s);
        }
        s = Add<TCores, TNumber>(Pairs<TCores>(p.N0, p.N1), shared, origin, tile, 0, s);
        s = Add<TCores, TNumber>(Pairs<TCores>(p.N2, p.N3), shared, origin, tile, 1, s);
        s = Add<TCores, TNumber>(Pairs<TCores>(p.N4, p.N5), shared, origin, tile, 2, s);
        return Add<TCores, TNumber>(Pairs<TCores>(p.N6, p.N7), shared, origin, tile, 3, s);
    }

    static Float4 Rows(HeadRows from, long at, int row, int step, int rows) => new(
        row < rows ? from.View[at + (long)row * from.Stride] : 0f,
        row + step < rows ? from.View[at + (long)(row + step) * from.Stride] : 0f,
        row + 2 * step < rows ? from.View[at + (long)(row + 2 * step) * from.Stride] : 0f,
        row + 3 * step < rows ? from.View[at + (long)(row + 3 * step) * from.Stride] : 0f);

    static void Store<TCores, TNumber>(
        ArrayView<float> shared, int tile, int line, int quad, Float4 x, Float4 y)
        where TCores : struct, ITensorCores
        where TNumber : struct, ITensorNumber
    {
        Float4 words = TNumber.PerWord == 1
            ? new(Number(TCores.Tf32(x.X)), Number(TCores.Tf32(x.Y)), Number(TCores.Tf32(x.Z)),
                Number(TCores.Tf32(x.W)))
            : new(Number(TCores.Bf16Pair(x.X, x.Y)), Number(TCores.Bf16Pair(x.Z, x.W)),
                Number(TCores.Bf16Pair(y.X, y.Y)), Number(TCores.Bf16Pair(y.Z, y.W)));
        AttentionSharedTiles.Quads(shared)[(tile + Word<TNumber>(line, quad)) / 4] = words;
    }

    static int Word<TNumber>(int line, int quad)
        where TNumber : struct, ITensorNumber
        => line * (Side / TNumber.PerWord) + ((quad ^ (line & 7)) << 2);

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
