#pragma warning disable CA1051 // fields: registers

using ILGPU;
using ILGPU.Runtime;

namespace HeadTap.Kernels;

/// <summary>
/// A thread's share of a tile of 16 terms, between global and shared memory: 16 numbers of 128 lines, eight
/// (A and B) of 64. Chunks of four neighbours; pairs of neighbours where rows are not aligned to 16 bytes.
/// </summary>
struct StagedChunks
{
    public Float4 A, B, C, D;

    internal static StagedChunks Fetch<TLayout>(ArrayView<float> global, in OperandSource from, int term0)
        where TLayout : struct, IOperandLayout
    {
        StagedChunks chunks = default;
        chunks.A = FetchOne<TLayout>(global, from, term0, 0);
        chunks.B = FetchOne<TLayout>(global, from, term0, 1);
        if (TLayout.Lines == 128)
        {
            chunks.C = FetchOne<TLayout>(global, from, term0, 2);
            chunks.D = FetchOne<TLayout>(global, from, term0, 3);
        }
        return chunks;
    }

    internal readonly void Pack<TCores, TLayout>(ArrayView<float> shared, int to, int wide)
        where TCores : struct, ITensorCores
        where TLayout : struct, IOperandLayout
    {
        PackOne<TCores, TLayout>(shared, to, 0, A, wide);
        PackOne<TCores, TLayout>(shared, to, 1, B, wide);
        if (TLayout.Lines == 128)
        {
            PackOne<TCores, TLayout>(shared, to, 2, C, wide);
            PackOne<TCores, TLayout>(shared, to, 3, D, wide);
        }
    }

    static Float4 FetchOne<TLayout>(ArrayView<float> global, in OperandSource from, int term0, int part)
        where TLayout : struct, IOperandLayout
    {
        if (from.Wide == 0)
        {
            Float2 first = FetchPair<TLayout>(global, from, term0, 2 * part);
            Float2 second = FetchPair<TLayout>(global, from, term0, 2 * part + 1);
            return new Float4(first.X, first.Y, second.X, second.Y);
        }
        int chunk = part * MatMulTensorKernels.BlockSize + Group.IdxX;
        int line = OperandTile.Line<TLayout>(chunk), term = term0 + OperandTile.Term<TLayout>(chunk);
        return Float4.Load(global, OperandTile.At(from, line, term),
            TLayout.KContiguous ? from.TermStride : from.LineStride,
            OperandTile.Count<TLayout>(from, line, term), from.Wide);
    }

    // Rows that are not aligned to 16 bytes, those of 50257 logits for one: neighbouring threads take
    // neighbouring pairs, so a load of a warp uses half of the bytes that it touches, with chunks of four a
    // quarter, and a store touches each bank once.
    static Float2 FetchPair<TLayout>(ArrayView<float> global, in OperandSource from, int term0, int slot)
        where TLayout : struct, IOperandLayout
    {
        int line = PairLine<TLayout>(slot), term = term0 + PairTerm<TLayout>(slot);
        int count = OperandTile.Count<TLayout>(from, line, term);
        long at = OperandTile.At(from, line, term);
        Float2 pair = default;
        if (count > 0)
            pair.X = global[at];
        if (count > 1)
            pair.Y = global[at + (TLayout.KContiguous ? from.TermStride : from.LineStride)];
        return pair;
    }

    static int PairLine<TLayout>(int slot) where TLayout : struct, IOperandLayout
    {
        int pair = slot * MatMulTensorKernels.BlockSize + Group.IdxX;
        return TLayout.KContiguous ? pair >> 3 : (pair & (TLayout.Lines / 2 - 1)) << 1;
    }

    static int PairTerm<TLayout>(int slot) where TLayout : struct, IOperandLayout
    {
        int pair = slot * MatMulTensorKernels.BlockSize + Group.IdxX;
        return TLayout.KContiguous ? (pair & 7) << 1 : pair >> (TLayout.Lines == 128 ? 6 : 5);
    }

    static void PackOne<TCores, TLayout>(ArrayView<float> shared, int to, int part, Float4 f, int wide)
        where TCores : struct, ITensorCores
        where TLayout : struct, IOperandLayout
    {
        float first = Interop.IntAsFloat(TCores.Bf16Pair(f.X, f.Y));
        float second = Interop.IntAsFloat(TCores.Bf16Pair(f.Z, f.W));
        if (wide == 0)
        {
            shared[to + PairWord<TLayout>(2 * part)] = first;
            shared[to + PairWord<TLayout>(2 * part + 1)] = second;
            return;
        }
        int chunk = part * MatMulTensorKernels.BlockSize + Group.IdxX;
        int word = to
            + OperandTile.Pair<TLayout>(OperandTile.Line<TLayout>(chunk), OperandTile.Term<TLayout>(chunk));
        shared.AsAligned(16).Cast<Float2>()[word >> 1] = new Float2 { X = first, Y = second };
    }

    static int PairWord<TLayout>(int slot) where TLayout : struct, IOperandLayout
        => OperandTile.Pair<TLayout>(PairLine<TLayout>(slot), PairTerm<TLayout>(slot));
}
