using ILGPU;

namespace HeadTap.Kernels;

/// <summary>
/// How an operand's lines (rows of x, columns of the weight; 128 or 64 of them) by 16 terms lie in shared
/// memory.
/// </summary>
/// <remarks>
/// As they lie in global memory, so that copies of 16 bytes need no transposition. Chunks of 16 bytes are
/// exchanged within a line (exclusive or), so that the eight rows an ldmatrix reads, or the 32 words of a
/// load, are in different banks without padding: three tiles of each operand fill the 48 KiB that every
/// device has.
/// </remarks>
public interface IOperandLayout
{
    /// <summary>True when the terms of a line are neighbours, false when the lines of a term are.</summary>
    static abstract bool KContiguous { get; }

    /// <summary>Lines of a tile: 128 or 64.</summary>
    static abstract int Lines { get; }
}

/// <summary>[line][term]: x of a plain product; the weight of a transposed one.</summary>
public readonly struct KContiguous : IOperandLayout
{
    static bool IOperandLayout.KContiguous => true;

    static int IOperandLayout.Lines => 128;
}

/// <summary><see cref="KContiguous"/> for tiles of 64 lines.</summary>
public readonly struct KContiguous64 : IOperandLayout
{
    static bool IOperandLayout.KContiguous => true;

    static int IOperandLayout.Lines => 64;
}

/// <summary>[term][line]: the weight of a plain product; both operands of a weight's gradient.</summary>
public readonly struct KStrided : IOperandLayout
{
    static bool IOperandLayout.KContiguous => false;

    static int IOperandLayout.Lines => 128;
}

/// <summary><see cref="KStrided"/> for tiles of 64 lines.</summary>
public readonly struct KStrided64 : IOperandLayout
{
    static bool IOperandLayout.KContiguous => false;

    static int IOperandLayout.Lines => 64;
}

/// <summary>One operand in global memory: which lines of it a group needs.</summary>
/// <param name="LineStride">Floats from a line to the next.</param>
/// <param name="TermStride">Floats from a term to the next.</param>
/// <param name="FirstLine">The group's first line.</param>
/// <param name="Lines">All lines; zeros beyond.</param>
/// <param name="Terms">All terms; zeros beyond.</param>
/// <param name="Wide">1 when every fourth neighbour is aligned to 16 bytes.</param>
readonly record struct OperandSource(
    long LineStride, long TermStride, int FirstLine, int Lines, int Terms, int Wide);

/// <summary>
/// Ways of a tile of 128 or 64 lines by 16 terms from global to shared memory and on to fragments.
/// </summary>
static class OperandTile
{
    internal const int Terms = 16;

    /// <summary>Words of a tile of floats.</summary>
    internal static int FloatWords<TLayout>() where TLayout : struct, IOperandLayout
        => TLayout.Lines * Terms;

    /// <summary>Words of a tile of BF16 pairs.</summary>
    internal static int PairWords<TLayout>() where TLayout : struct, IOperandLayout
        => TLayout.Lines * Terms / 2;

    /// <summary>Groups of four neighbours in a tile.</summary>
    internal static int Chunks<TLayout>() where TLayout : struct, IOperandLayout
        => TLayout.Lines * Terms / 4;

    internal static int Line<TLayout>(int chunk) where TLayout : struct, IOperandLayout
        => TLayout.KContiguous ? chunk >> 2 : (chunk & (TLayout.Lines / 4 - 1)) << 2;

    internal static int Term<TLayout>(int chunk) where TLayout : struct, IOperandLayout
        => TLayout.KContiguous ? (chunk & 3) << 2 : chunk >> (TLayout.Lines == 128 ? 5 : 4);

    /// <summary>Numbers of a chunk that exist, 0 to 4.</summary>
    internal static int Count<TLayout>(in OperandSource from, int line, int term)
        where TLayout : struct, IOperandLayout
    {
        int lines = from.Lines - from.FirstLine - line, terms = from.Terms - term;
        int along = TLayout.KContiguous ? terms : lines, across = TLayout.KContiguous ? lines : terms;
        return across <= 0 || along <= 0 ? 0 : along > 4 ? 4 : along;
    }

    /// <summary>
    /// Starts copying the tile whose first term is <paramref name="term0"/> to shared[to..].
    /// </summary>
    internal static void Copy<TCores, TLayout>(
        ArrayView<float> shared, int origin, int to, ArrayView<float> global,
        long address, in OperandSource from,
        int term0, int threads)
        where TCores : struct, ITensorCores
        where TLayout : struct, IOperandLayout
    {
        if (from.Wide == 0)
        {
            CopyWords<TCores, TLayout>(shared, origin, to, global, address, from, term0, threads);
            return;
        }
        for (int first = 0; first < Chunks<TLayout>(); first += threads)
        {
            int chunk = first + Group.IdxX;
            int line = Line<TLayout>(chunk), term = Term<TLayout>(chunk);
            int count = Count<TLayout>(from, line, term0 + term);
            TCores.Copy4(shared, origin, to + Word<TLayout>(line, term), global, address,
                count == 0 ? 0 : At(from, line, term0 + term), count);
        }
    }

    // Neighbouring threads take neighbouring words, so a copy of a warp reads two or three lines of 64 bytes
    // and writes 32 banks. By chunks of four it read a word of every chunk in 8 lines (docs/log.md).
    static void CopyWords<TCores, TLayout>(
        ArrayView<float> shared, int origin, int to, ArrayView<float> global, long address,
        in OperandSource from, int term0, int threads)
        where TCores : struct, ITensorCores
        where TLayout : struct, IOperandLayout
    {
        for (int first = 0; first < FloatWords<TLayout>(); first += threads)
        {
            int e = first + Group.IdxX;
            int line = TLayout.KContiguous ? e >> 4 : e & (TLayout.Lines - 1);
            int term = TLayout.KContiguous ? e & 15 : e >> (TLayout.Lines == 128 ? 7 : 6);
            bool there = from.FirstLine + line < from.Lines && term0 + term < from.Terms;
            TCores.Copy1(shared, origin, to + Word<TLayout>(line, term), global, address,
                there ? At(from, line, term0 + term) : 0, there ? 1 : 0);
        }
    }

    /// <summary>Where a number of the operand lies.</summary>
    internal static long At(in OperandSource from, int line, int term)
        => (from.FirstLine + line) * from.LineStride + term * from.TermStride;

    /// <summary>The word of a number in a tile of floats.</summary>
    internal static int Word<TLayout>(int line, int term) where TLayout : struct, IOperandLayout
        => TLayout.KContiguous
            ? line * Terms + (((term >> 2) ^ ((line >> 1) & 3)) << 2) + (term & 3)
            : term * TLayout.Lines + (line ^ ((term & 3) << 3));

    /// <summary>16 lines by 8 terms of a tile of floats, as TF32.</summary>
    internal static LeftFragment Tf32<TCores, TLayout>(
        ArrayView<float> shared, int origin, int tile, int line, int term)
        where TCores : struct, ITensorCores
        where TLayout : struct, IOperandLayout
    {
        int lane = Group.IdxX & 31;
        LeftFragment f;
        if (TLayout.KContiguous)
        {
            f = TCores.Load4(shared, origin,
                tile + Word<TLayout>(line + (lane & 15), term + ((lane >> 4) << 2)));
        }
        else
        {
            int g = lane >> 2, t = lane & 3;
            int upper = tile + Word<TLayout>(line + g, term + t),
                lower = tile + Word<TLayout>(line + 8 + g, term + t);
            f = new LeftFragment
            {
                R0 = Interop.FloatAsInt(shared[upper]),
                R1 = Interop.FloatAsInt(shared[lower]),
                R2 = Interop.FloatAsInt(shared[upper + 4 * TLayout.Lines]),
                R3 = Interop.FloatAsInt(shared[lower + 4 * TLayout.Lines]),
            };
        }
        return new LeftFragment
        {
            R0 = TCores.Tf32(Interop.IntAsFloat(f.R0)),
            R1 = TCores.Tf32(Interop.IntAsFloat(f.R1)),
            R2 = TCores.Tf32(Interop.IntAsFloat(f.R2)),
            R3 = TCores.Tf32(Interop.IntAsFloat(f.R3)),
        };
    }

    /// <summary>
    /// Where a pair of a tile of BF16 lies; the first of the two is even along its neighbours.
    /// </summary>
    internal static int Pair<TLayout>(int line, int term) where TLayout : struct, IOperandLayout
        => TLayout.KContiguous
            ? line * (Terms / 2) + (((term >> 3) ^ ((line >> 2) & 1)) << 2) + ((term & 7) >> 1)
            : term * (TLayout.Lines / 2) + (((line >> 3) ^ (term & 7)) << 2) + ((line & 7) >> 1);

    /// <summary>16 lines by all 16 terms of a tile of BF16 pairs.</summary>
    internal static LeftFragment Bf16<TCores, TLayout>(ArrayView<float> shared,
        int origin, int tile, int line)
        where TCores : struct, ITensorCores
        where TLayout : struct, IOperandLayout
    {
        int lane = Group.IdxX & 31;
        return TLayout.KContiguous
            ? TCores.Load4(shared, origin, tile + Pair<TLayout>(line + (lane & 15), (lane >> 4) << 3))
            : TCores.Load4Transposed(shared, origin,
                tile + Pair<TLayout>(line + (((lane >> 3) & 1) << 3), (lane & 7) + ((lane >> 4) << 3)));
    }
}
