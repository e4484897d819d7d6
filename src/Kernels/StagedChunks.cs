#pragma warning disable CA1051 // fields: registers

using ILGPU;
using ILGPU.Runtime;

namespace HeadTap.Kernels;

/// <summary>
/// A thread's quarter of a tile of 128 lines by 16 terms, between global and shared memory.
/// </summary>
struct StagedChunks
{
    public Four A, B, C, D;

    internal static StagedChunks Fetch<TLayout>(ArrayView<float> global, in OperandSource from, int term0)
        where TLayout : struct, IOperandLayout
        => new()
        {
            A = FetchOne<TLayout>(global, from, term0, 0),
            B = FetchOne<TLayout>(global, from, term0, 1),
            C = FetchOne<TLayout>(global, from, term0, 2),
            D = FetchOne<TLayout>(global, from, term0, 3),
        };

    internal readonly void Pack<TCores, TLayout>(ArrayView<float> shared, int to)
        where TCores : struct, ITensorCores
        where TLayout : struct, IOperandLayout
    {
        PackOne<TCores, TLayout>(shared, to, 0, A);
        PackOne<TCores, TLayout>(shared, to, 1, B);
        PackOne<TCores, TLayout>(shared, to, 2, C);
        PackOne<TCores, TLayout>(shared, to, 3, D);
    }

    static Four FetchOne<TLayout>(ArrayView<float> global, in OperandSource from, int term0, int quarter)
        where TLayout : struct, IOperandLayout
    {
        int chunk = quarter * MatMulTensorKernels.BlockSize + Group.IdxX;
        int line = OperandTile.Line<TLayout>(chunk), term = term0 + OperandTile.Term<TLayout>(chunk);
        long at = (from.FirstLine + line) * from.LineStride + term * from.TermStride;
        return Four.Load(global, at, TLayout.TermsTogether ? from.TermStride : from.LineStride,
            OperandTile.Count<TLayout>(from, line, term), from.Wide);
    }

    static void PackOne<TCores, TLayout>(ArrayView<float> shared, int to, int quarter, Four f)
        where TCores : struct, ITensorCores
        where TLayout : struct, IOperandLayout
    {
        int chunk = quarter * MatMulTensorKernels.BlockSize + Group.IdxX;
        int word = to
            + OperandTile.Pair<TLayout>(OperandTile.Line<TLayout>(chunk), OperandTile.Term<TLayout>(chunk));
        shared.AsAligned(16).Cast<Two>()[word >> 1] = new Two
        {
            X = Interop.IntAsFloat(TCores.Bf16Pair(f.X, f.Y)),
            Y = Interop.IntAsFloat(TCores.Bf16Pair(f.Z, f.W)),
        };
    }
}
