using System.Numerics;

namespace HeadTap.Reference;

/// <summary>Causal multi-head attention as the textbook writes it: the whole pattern, then the mix.</summary>
/// <param name="B">Rows of the batch.</param>
/// <param name="T">Tokens of a row, padding included.</param>
/// <param name="H">Heads.</param>
/// <param name="D">Size of a head; C = H * D.</param>
/// <param name="Lengths">[B]: real tokens of each row.</param>
/// <param name="Scale">Of the scores.</param>
public sealed record AttentionReference(int B, int T, int H, int D, int[] Lengths, double Scale)
{
    public int C => H * D;

    /// <summary>qkv [B*T, 3C] to z [B*T, C], logSumExp [B, H, T] and pattern [B, H, T, T].</summary>
    public (TReal[] Z, TReal[] LogSumExp, TReal[] Pattern) Forward<TReal>(TReal[] qkv)
        where TReal : IFloatingPointIeee754<TReal>
    {
        TReal[] scores = Scores(qkv), pattern = new TReal[scores.Length], lse = new TReal[B * H * T];
        foreach ((int b, int h, int i) in RealRows())
        {
            int row = ((b * H + h) * T + i) * T;
            TReal max = scores[row], sum = TReal.Zero;
            for (int j = 1; j <= i; j++)
                max = TReal.Max(max, scores[row + j]);
            for (int j = 0; j <= i; j++)
                sum += TReal.Exp(scores[row + j] - max);
            for (int j = 0; j <= i; j++)
                pattern[row + j] = TReal.Exp(scores[row + j] - max) / sum;
            lse[(b * H + h) * T + i] = max + TReal.Log(sum);
        }
        return (Mix(pattern, qkv), lse, pattern);
    }

    /// <summary>
    /// The pattern from what <see cref="Forward"/> keeps for the backward pass: exp(score - logSumExp).
    /// </summary>
    public TReal[] Recompute<TReal>(TReal[] qkv, TReal[] logSumExp) where TReal : IFloatingPointIeee754<TReal>
        => [.. Scores(qkv).Select((score, at) => TReal.Exp(score - logSumExp[at / T]))];

    /// <summary>[B, H, T, T]; -infinity after the query and in padding rows.</summary>
    public TReal[] Scores<TReal>(TReal[] qkv) where TReal : IFloatingPointIeee754<TReal>
    {
        TReal[] scores = new TReal[B * H * T * T];
        Array.Fill(scores, TReal.NegativeInfinity);
        foreach ((int b, int h, int i) in RealRows())
            for (int j = 0; j <= i; j++)
            {
                TReal dot = TReal.Zero;
                for (int d = 0; d < D; d++)
                    dot += qkv[Q(b, h, i) + d] * qkv[K(b, h, j) + d];
                scores[((b * H + h) * T + i) * T + j] = dot * TReal.CreateChecked(Scale);
            }
        return scores;
    }

    /// <summary>exp(score - max) / sum, row by row; a row of -infinity gives zeros.</summary>
    public TReal[] Softmax<TReal>(TReal[] scores) where TReal : IFloatingPointIeee754<TReal>
    {
        TReal[] pattern = new TReal[scores.Length];
        for (int row = 0; row < scores.Length; row += T)
        {
            TReal max = TReal.NegativeInfinity, sum = TReal.Zero;
            for (int j = 0; j < T; j++)
                max = TReal.Max(max, scores[row + j]);
            if (TReal.IsNegativeInfinity(max))
                continue;
            for (int j = 0; j < T; j++)
                sum += TReal.Exp(scores[row + j] - max);
            for (int j = 0; j < T; j++)
                pattern[row + j] = TReal.Exp(scores[row + j] - max) / sum;
        }
        return pattern;
    }

    /// <summary>z[b,i,h,:] = sum_j pattern[b,h,i,j] v[b,j,h,:], j past i too: an edited pattern may look
    /// ahead.</summary>
    public TReal[] Mix<TReal>(TReal[] pattern, TReal[] qkv) where TReal : IFloatingPointIeee754<TReal>
    {
        TReal[] z = new TReal[B * T * C];
        foreach ((int b, int h, int i) in AllRows())
            for (int j = 0; j < T; j++)
                for (int d = 0; d < D; d++)
                    z[Z(b, h, i) + d] += pattern[((b * H + h) * T + i) * T + j] * qkv[V(b, h, j) + d];
        return z;
    }

    /// <summary>dQkv [B*T, 3C] of dZ [B*T, C].</summary>
    public TReal[] Backward<TReal>(TReal[] qkv, TReal[] pattern, TReal[] dZ)
        where TReal : IFloatingPointIeee754<TReal>
    {
        TReal[] dQkv = new TReal[qkv.Length];
        TReal[] dPattern = MixBackward(pattern, qkv, dZ, dQkv);
        ScoresBackward(qkv, SoftmaxBackward(pattern, dPattern), dQkv);
        return dQkv;
    }

    /// <summary>dPattern of <see cref="Mix"/>; adds the gradient of v into dQkv.</summary>
    public TReal[] MixBackward<TReal>(TReal[] pattern, TReal[] qkv, TReal[] dZ, TReal[] dQkv)
        where TReal : IFloatingPointIeee754<TReal>
    {
        TReal[] dPattern = new TReal[pattern.Length];
        foreach ((int b, int h, int i) in AllRows())
            for (int j = 0; j < T; j++)
            {
                int at = ((b * H + h) * T + i) * T + j;
                for (int d = 0; d < D; d++)
                {
                    dPattern[at] += dZ[Z(b, h, i) + d] * qkv[V(b, h, j) + d];
                    dQkv[V(b, h, j) + d] += pattern[at] * dZ[Z(b, h, i) + d];
                }
            }
        return dPattern;
    }

    /// <summary>dScores = p * (dP - sum of p * dP), row by row.</summary>
    public TReal[] SoftmaxBackward<TReal>(TReal[] pattern, TReal[] dPattern)
        where TReal : IFloatingPointIeee754<TReal>
    {
        TReal[] dScores = new TReal[pattern.Length];
        foreach ((int b, int h, int i) in RealRows())
        {
            int row = ((b * H + h) * T + i) * T;
            TReal dot = TReal.Zero;
            for (int j = 0; j <= i; j++)
                dot += pattern[row + j] * dPattern[row + j];
            for (int j = 0; j <= i; j++)
                dScores[row + j] = pattern[row + j] * (dPattern[row + j] - dot);
        }
        return dScores;
    }

    /// <summary>Adds the gradients of q and k into dQkv.</summary>
    public void ScoresBackward<TReal>(TReal[] qkv, TReal[] dScores, TReal[] dQkv)
        where TReal : IFloatingPointIeee754<TReal>
    {
        foreach ((int b, int h, int i) in RealRows())
            for (int j = 0; j <= i; j++)
                for (int d = 0; d < D; d++)
                {
                    TReal dS = dScores[((b * H + h) * T + i) * T + j] * TReal.CreateChecked(Scale);
                    dQkv[Q(b, h, i) + d] += dS * qkv[K(b, h, j) + d];
                    dQkv[K(b, h, j) + d] += dS * qkv[Q(b, h, i) + d];
                }
    }

    IEnumerable<(int B, int H, int I)> RealRows()
    {
        for (int b = 0; b < B; b++)
            for (int h = 0; h < H; h++)
                for (int i = 0; i < Lengths[b]; i++)
                    yield return (b, h, i);
    }

    IEnumerable<(int B, int H, int I)> AllRows()
        => from b in Enumerable.Range(0, B)
           from h in Enumerable.Range(0, H)
           from i in Enumerable.Range(0, T)
           select (b, h, i);

    int Q(int b, int h, int t) => (b * T + t) * 3 * C + h * D;

    int K(int b, int h, int t) => Q(b, h, t) + C;

    int V(int b, int h, int t) => Q(b, h, t) + 2 * C;

    int Z(int b, int h, int t) => (b * T + t) * C + h * D;
}
