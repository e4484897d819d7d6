using ILGPU;

namespace HeadTap.Kernels;

// The sums of a warp in attention: scores of 16 rows of the group's own tile for 64 other rows, or a mix of
// 64 columns. A lane's own row is AttentionTensorTiles.Line.
partial struct Accumulator16x64
{
    internal readonly float Largest => MathF.Max(
        MathF.Max(MathF.Max(Upper(N0), Upper(N1)), MathF.Max(Upper(N2), Upper(N3))),
        MathF.Max(MathF.Max(Upper(N4), Upper(N5)), MathF.Max(Upper(N6), Upper(N7))));

    internal readonly float LargestBelow => MathF.Max(
        MathF.Max(MathF.Max(Lower(N0), Lower(N1)), MathF.Max(Lower(N2), Lower(N3))),
        MathF.Max(MathF.Max(Lower(N4), Lower(N5)), MathF.Max(Lower(N6), Lower(N7))));

    internal readonly float Sum
        => N0.C0 + N0.C1 + N1.C0 + N1.C1 + N2.C0 + N2.C1 + N3.C0 + N3.C1
        + N4.C0 + N4.C1 + N5.C0 + N5.C1 + N6.C0 + N6.C1 + N7.C0 + N7.C1;

    internal readonly float SumBelow
        => N0.C2 + N0.C3 + N1.C2 + N1.C3 + N2.C2 + N2.C3 + N3.C2 + N3.C3
        + N4.C2 + N4.C3 + N5.C2 + N5.C3 + N6.C2 + N6.C3 + N7.C2 + N7.C3;

    /// <summary>
    /// Scores of query i (and i + 8) for keys j, j + 1, j + 8, ..., scaled; -infinity after the query.
    /// </summary>
    internal readonly Accumulator16x64 UpToQuery(float scale, int i, int j) => new()
    {
        N0 = UpTo(N0, scale, i - j), N1 = UpTo(N1, scale, i - j - 8),
        N2 = UpTo(N2, scale, i - j - 16), N3 = UpTo(N3, scale, i - j - 24),
        N4 = UpTo(N4, scale, i - j - 32), N5 = UpTo(N5, scale, i - j - 40),
        N6 = UpTo(N6, scale, i - j - 48), N7 = UpTo(N7, scale, i - j - 56),
    };

    /// <summary>exp(s - offset), with one offset per row.</summary>
    internal readonly Accumulator16x64 Exponentials(float upper, float lower) => new()
    {
        N0 = Exp(N0, upper, lower), N1 = Exp(N1, upper, lower),
        N2 = Exp(N2, upper, lower), N3 = Exp(N3, upper, lower),
        N4 = Exp(N4, upper, lower), N5 = Exp(N5, upper, lower),
        N6 = Exp(N6, upper, lower), N7 = Exp(N7, upper, lower),
    };

    /// <summary>
    /// exp(scaled score - logSumExp) of key j (and j + 8) for queries i, i + 1, i + 8, ...; 0 where the query
    /// comes before the key. Statistics begin at <paramref name="at"/>, <paramref name="count"/> of them.
    /// </summary>
    internal readonly Accumulator16x64 Probabilities(
        float scale, int j, int i, ArrayView<float> logSumExp, long at, int count) => new()
    {
        N0 = FromKey(N0, scale, i - j, logSumExp, at, count),
        N1 = FromKey(N1, scale, i - j + 8, logSumExp, at + 8, count - 8),
        N2 = FromKey(N2, scale, i - j + 16, logSumExp, at + 16, count - 16),
        N3 = FromKey(N3, scale, i - j + 24, logSumExp, at + 24, count - 24),
        N4 = FromKey(N4, scale, i - j + 32, logSumExp, at + 32, count - 32),
        N5 = FromKey(N5, scale, i - j + 40, logSumExp, at + 40, count - 40),
        N6 = FromKey(N6, scale, i - j + 48, logSumExp, at + 48, count - 48),
        N7 = FromKey(N7, scale, i - j + 56, logSumExp, at + 56, count - 56),
    };

    /// <summary>p (dP - offset), with one offset per row.</summary>
    internal readonly Accumulator16x64 Weighted(Accumulator16x64 dP, float upper, float lower) => new()
    {
        N0 = Weigh(N0, dP.N0, upper, upper, lower, lower), N1 = Weigh(N1, dP.N1, upper, upper, lower, lower),
        N2 = Weigh(N2, dP.N2, upper, upper, lower, lower), N3 = Weigh(N3, dP.N3, upper, upper, lower, lower),
        N4 = Weigh(N4, dP.N4, upper, upper, lower, lower), N5 = Weigh(N5, dP.N5, upper, upper, lower, lower),
        N6 = Weigh(N6, dP.N6, upper, upper, lower, lower), N7 = Weigh(N7, dP.N7, upper, upper, lower, lower),
    };

    /// <summary>
    /// p (dP - offset), with one offset per column; offsets as in <see cref="Probabilities"/>.
    /// </summary>
    internal readonly Accumulator16x64 Weighted(
        Accumulator16x64 dP, ArrayView<float> offsets, long at, int count) => new()
    {
        N0 = ByColumn(N0, dP.N0, offsets, at, count),
        N1 = ByColumn(N1, dP.N1, offsets, at + 8, count - 8),
        N2 = ByColumn(N2, dP.N2, offsets, at + 16, count - 16),
        N3 = ByColumn(N3, dP.N3, offsets, at + 24, count - 24),
        N4 = ByColumn(N4, dP.N4, offsets, at + 32, count - 32),
        N5 = ByColumn(N5, dP.N5, offsets, at + 40, count - 40),
        N6 = ByColumn(N6, dP.N6, offsets, at + 48, count - 48),
        N7 = ByColumn(N7, dP.N7, offsets, at + 56, count - 56),
    };

    /// <summary>Each row times its factor.</summary>
    internal readonly Accumulator16x64 Scaled(float upper, float lower) => new()
    {
        N0 = Times(N0, upper, lower), N1 = Times(N1, upper, lower),
        N2 = Times(N2, upper, lower), N3 = Times(N3, upper, lower),
        N4 = Times(N4, upper, lower), N5 = Times(N5, upper, lower),
        N6 = Times(N6, upper, lower), N7 = Times(N7, upper, lower),
    };

    /// <summary>
    /// Writes rows first + Line and the one eight below; zeros from row end to row T, where rows end.
    /// </summary>
    internal readonly void Store(HeadRows to, int first, int end, int T)
    {
        Store(to, first, end, T, 0, N0);
        Store(to, first, end, T, 8, N1);
        Store(to, first, end, T, 16, N2);
        Store(to, first, end, T, 24, N3);
        Store(to, first, end, T, 32, N4);
        Store(to, first, end, T, 40, N5);
        Store(to, first, end, T, 48, N6);
        Store(to, first, end, T, 56, N7);
    }

    static void Store(HeadRows to, int first, int end, int T, int column, SumFragment c)
    {
        int row = first + AttentionTensorTiles.Line, d = column + AttentionTensorTiles.Column;
        Write(to, row, d, T, row < end ? c.C0 : 0f);
        Write(to, row, d + 1, T, row < end ? c.C1 : 0f);
        Write(to, row + 8, d, T, row + 8 < end ? c.C2 : 0f);
        Write(to, row + 8, d + 1, T, row + 8 < end ? c.C3 : 0f);
    }

    static void Write(HeadRows to, int row, int d, int T, float value)
    {
        if (row < T && d < to.D)
            to.View[to.At(row) + d] = value;
    }

    static float Upper(SumFragment c) => MathF.Max(c.C0, c.C1);

    static float Lower(SumFragment c) => MathF.Max(c.C2, c.C3);

    static SumFragment UpTo(SumFragment c, float scale, int before) => new()
    {
        C0 = before >= 0 ? c.C0 * scale : float.NegativeInfinity,
        C1 = before >= 1 ? c.C1 * scale : float.NegativeInfinity,
        C2 = before >= -8 ? c.C2 * scale : float.NegativeInfinity,
        C3 = before >= -7 ? c.C3 * scale : float.NegativeInfinity,
    };

    static SumFragment FromKey(SumFragment c, float scale, int after, ArrayView<float> lse, long at,
        int count)
    {
        float left = count > 0 ? lse[at] : float.PositiveInfinity,
            right = count > 1 ? lse[at + 1] : float.PositiveInfinity;
        return new()
        {
            C0 = after >= 0 ? DeviceMath.Exp(c.C0 * scale - left) : 0f,
            C1 = after >= -1 ? DeviceMath.Exp(c.C1 * scale - right) : 0f,
            C2 = after >= 8 ? DeviceMath.Exp(c.C2 * scale - left) : 0f,
            C3 = after >= 7 ? DeviceMath.Exp(c.C3 * scale - right) : 0f,
        };
    }

    static SumFragment ByColumn(SumFragment p, SumFragment dP, ArrayView<float> offsets, long at, int count)
    {
        float left = count > 0 ? offsets[at] : 0f, right = count > 1 ? offsets[at + 1] : 0f;
        return Weigh(p, dP, left, right, left, right);
    }

    static SumFragment Weigh(SumFragment p, SumFragment dP, float o0, float o1, float o2, float o3) => new()
    {
        C0 = p.C0 * (dP.C0 - o0), C1 = p.C1 * (dP.C1 - o1), C2 = p.C2 * (dP.C2 - o2),
        C3 = p.C3 * (dP.C3 - o3),
    };

    static SumFragment Exp(SumFragment c, float upper, float lower) => new()
    {
        C0 = DeviceMath.Exp(c.C0 - upper), C1 = DeviceMath.Exp(c.C1 - upper),
        C2 = DeviceMath.Exp(c.C2 - lower), C3 = DeviceMath.Exp(c.C3 - lower),
    };

    static SumFragment Times(SumFragment c, float upper, float lower)
        => new() { C0 = c.C0 * upper, C1 = c.C1 * upper, C2 = c.C2 * lower, C3 = c.C3 * lower };
}
