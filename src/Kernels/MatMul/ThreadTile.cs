#pragma warning disable CA1051 // fields: registers

using ILGPU;

namespace HeadTap.Kernels;

/// <summary>Eight sums of one row: columns c..c+3 and c+64..c+67.</summary>
struct ThreadRow
{
    public Float4 Left, Right;

    /// <summary>Adds x times eight columns of a term.</summary>
    internal static ThreadRow Plus(ThreadRow s, float x, Float4 left, Float4 right)
    {
        s.Left.X += x * left.X;
        s.Left.Y += x * left.Y;
        s.Left.Z += x * left.Z;
        s.Left.W += x * left.W;
        s.Right.X += x * right.X;
        s.Right.Y += x * right.Y;
        s.Right.Z += x * right.Z;
        s.Right.W += x * right.W;
        return s;
    }
}

/// <summary>8 x 8 sums of one thread: rows r..r+3 and r+64..r+67, and the same columns.</summary>
struct ThreadTile
{
    public ThreadRow R0, R1, R2, R3, R4, R5, R6, R7;

    /// <summary>Adds one term: eight elements of x, eight of the weight.</summary>
    internal readonly ThreadTile Plus(Float4 upper, Float4 lower, Float4 left, Float4 right) => new()
    {
        R0 = ThreadRow.Plus(R0, upper.X, left, right),
        R1 = ThreadRow.Plus(R1, upper.Y, left, right),
        R2 = ThreadRow.Plus(R2, upper.Z, left, right),
        R3 = ThreadRow.Plus(R3, upper.W, left, right),
        R4 = ThreadRow.Plus(R4, lower.X, left, right),
        R5 = ThreadRow.Plus(R5, lower.Y, left, right),
        R6 = ThreadRow.Plus(R6, lower.Z, left, right),
        R7 = ThreadRow.Plus(R7, lower.W, left, right),
    };

    /// <summary>
    /// Adds four terms of a tile in shared memory, [term][line] with lines padded to
    /// <see cref="MatMulLargeKernels.Padded"/>; x and weight are places in fours.
    /// </summary>
    internal readonly ThreadTile PlusFourTerms(ArrayView<Float4> fours, int x, int weight)
    {
        const int Step = MatMulLargeKernels.Padded / 4;
        ThreadTile sums = PlusTerm(fours, x, weight, this);
        sums = PlusTerm(fours, x + Step, weight + Step, sums);
        sums = PlusTerm(fours, x + 2 * Step, weight + 2 * Step, sums);
        return PlusTerm(fours, x + 3 * Step, weight + 3 * Step, sums);
    }

    static ThreadTile PlusTerm(ArrayView<Float4> fours, int x, int weight, ThreadTile sums)
        => sums.Plus(fours[x], fours[x + MatMulLargeKernels.Tile / 8],
            fours[weight], fours[weight + MatMulLargeKernels.Tile / 8]);

    /// <summary>Stores all of it; (row, column) is its first element in y.</summary>
    internal readonly void Store(
        ArrayView<float> bias, ArrayView<float> residual, ArrayView<float> y, in MatMulShape s,
        in MatMulEpilogue e, int row, int column)
    {
        // A loop over the rows, not eight copies of the epilogue; the count is not known to the compiler.
        for (int i = 0; i < Group.DimX >> 5; i++)
        {
            ThreadRow t = i == 0 ? R0 : i == 1 ? R1 : i == 2 ? R2 : i == 3 ? R3
                : i == 4 ? R4 : i == 5 ? R5 : i == 6 ? R6 : R7;
            int at = row + (i & 3) + (i >> 2 << 6);
            for (int j = 0; j < Group.DimX >> 5; j++)
            {
                Float4 f = j < 4 ? t.Left : t.Right;
                float sum = (j & 3) == 0 ? f.X : (j & 3) == 1 ? f.Y : (j & 3) == 2 ? f.Z : f.W;
                e.Store(bias, residual, y, s, at, column + (j & 3) + (j >> 2 << 6), sum);
            }
        }
    }
}
