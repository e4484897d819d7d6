using System.Numerics;

namespace HeadTap.Reference;

/// <summary>
/// Attention of rows of one token each, which all look at the beginning of one run: the textbook's softmax
/// over so many of the run's keys and, behind them, the row's own.
/// </summary>
/// <param name="N">Rows.</param>
/// <param name="H">Heads.</param>
/// <param name="D">Size of a head; C = H * D.</param>
/// <param name="Capacity">Tokens of the run.</param>
/// <param name="Lengths">[N]: of those, how many a row looks at.</param>
/// <param name="Scale">Of the scores.</param>
public sealed record AttentionPrefixReference(
    int N, int H, int D, int Capacity, int[] Lengths, double Scale)
{
    public int C => H * D;

    /// <summary>
    /// qkv [N, 3C], keys and values [H, Capacity, D] to z [N, C] and logSumExp [N, H].
    /// </summary>
    public (TReal[] Z, TReal[] LogSumExp) Forward<TReal>(TReal[] qkv, TReal[] keys, TReal[] values)
        where TReal : IFloatingPointIeee754<TReal>
    {
        TReal[] z = new TReal[N * C], logSumExp = new TReal[N * H];
        for (int row = 0; row < N * H; row++)
        {
            (TReal[] p, logSumExp[row]) = Pattern(row, qkv, keys);
            for (int j = 0; j < p.Length; j++)
                for (int d = 0; d < D; d++)
                    z[row * D + d] += p[j] * Of(row, j, d, qkv, values, 2);
        }
        return (z, logSumExp);
    }

    /// <summary>dQkv [N, 3C] of dZ [N, C]; the run is constant.</summary>
    public TReal[] Backward<TReal>(TReal[] qkv, TReal[] keys, TReal[] values, TReal[] dZ)
        where TReal : IFloatingPointIeee754<TReal>
    {
        TReal[] dQkv = new TReal[qkv.Length];
        TReal scale = TReal.CreateChecked(Scale);
        for (int row = 0; row < N * H; row++)
        {
            TReal[] p = Pattern(row, qkv, keys).P, dP = new TReal[p.Length];
            TReal dot = TReal.Zero;
            for (int j = 0; j < p.Length; j++)
            {
                for (int d = 0; d < D; d++)
                    dP[j] += dZ[row * D + d] * Of(row, j, d, qkv, values, 2);
                dot += p[j] * dP[j];
            }
            int own = p.Length - 1;
            for (int j = 0; j <= own; j++)
                for (int d = 0; d < D; d++)
                {
                    TReal dS = scale * p[j] * (dP[j] - dot);
                    dQkv[At(row, 0) + d] += dS * Of(row, j, d, qkv, keys, 1);
                    if (j < own)
                        continue;
                    dQkv[At(row, 1) + d] = dS * qkv[At(row, 0) + d];
                    dQkv[At(row, 2) + d] = p[j] * dZ[row * D + d];
                }
        }
        return dQkv;
    }

    (TReal[] P, TReal LogSumExp) Pattern<TReal>(int row, TReal[] qkv, TReal[] keys)
        where TReal : IFloatingPointIeee754<TReal>
    {
        TReal[] p = new TReal[Lengths[row / H] + 1];
        for (int j = 0; j < p.Length; j++)
        {
            for (int d = 0; d < D; d++)
                p[j] += qkv[At(row, 0) + d] * Of(row, j, d, qkv, keys, 1);
            p[j] *= TReal.CreateChecked(Scale);
        }
        TReal max = p.Aggregate(TReal.Max), sum = TReal.Zero;
        for (int j = 0; j < p.Length; j++)
            sum += TReal.Exp(p[j] - max);
        for (int j = 0; j < p.Length; j++)
            p[j] = TReal.Exp(p[j] - max) / sum;
        return (p, max + TReal.Log(sum));
    }

    // Column d of the run's key or value j, or of the row's own behind them.
    TReal Of<TReal>(int row, int j, int d, TReal[] qkv, TReal[] run, int part)
        => j < Lengths[row / H] ? run[(row % H * Capacity + j) * D + d] : qkv[At(row, part) + d];

    // Where q, k or v of a row and head begins.
    int At(int row, int part) => (row / H * 3 + part) * C + row % H * D;
}
