#pragma warning disable CA1051 // fields: registers

using ILGPU;
using ILGPU.Runtime;

namespace HeadTap.Kernels;

/// <summary>
/// A thread's share of a tile of 16 terms, between global and shared memory: four chunks of 128 lines, two
/// (A and B) of 64.
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

    internal readonly void Pack<TCores, TLayout>(ArrayView<float> shared, int to)
        where TCores : struct, ITensorCores
        where TLayout : struct, IOperandLayout
    {
        PackOne<TCores, TLayout>(shared, to, 0, A);
        PackOne<TCores, TLayout>(shared, to, 1, B);
        if (TLayout.Lines == 128)
        {
            PackOne<TCores, TLayout>(shared, to, 2, C);
            PackOne<TCores, TLayout>(shared, to, 3, D);
        }
    }

    static Float4 FetchOne<TLayout>(ArrayView<float> global, in OperandSource from, int term0, int part)
        where TLayout : struct, IOperandLayout
    {
        int chunk = part * MatMulTensorKernels.BlockSize + Group.IdxX;
        int line = OperandTile.Line<TLayout>(chunk), term = term0 + OperandTile.Term<TLayout>(chunk);
        long at = (from.FirstLine + line) * from.LineStride + term * from.TermStride;
        return Float4.Load(global, at, TLayout.KContiguous ? from.TermStride : from.LineStride,
            OperandTile.Count<TLayout>(from, line, term), from.Wide);
    }

    static void PackOne<TCores, TLayout>(ArrayView<float> shared, int to, int part, Float4 f)
        where TCores : struct, ITensorCores
        where TLayout : struct, IOperandLayout
    {
        int chunk = part * MatMulTensorKernels.BlockSize + Group.IdxX;
        int word = to
            + OperandTile.Pair<TLayout>(OperandTile.Line<TLayout>(chunk), OperandTile.Term<TLayout>(chunk));
        shared.AsAligned(16).Cast<Float2>()[word >> 1] = new Float2
        {
            X = Interop.IntAsFloat(TCores.Bf16Pair(f.X, f.Y)),
            Y = Interop.IntAsFloat(TCores.Bf16Pair(f.Z, f.W)),
        };
    }
}
