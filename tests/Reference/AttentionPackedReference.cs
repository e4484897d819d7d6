using System.Numerics;

namespace HeadTap.Reference;

/// <summary>
/// Attention of packed tokens over cache rows: the textbook's softmax over the keys from position 0 of a
/// token's row to its own.
/// </summary>
/// <param name="S">Rows of the caches.</param>
/// <param name="H">Heads.</param>
/// <param name="D">Size of a head; C = H * D.</param>
/// <param name="Capacity">Positions of a cache row.</param>
/// <param name="Runs">The tokens in order: so many of one row, at successive positions from the first on. A
/// negative first position: so many places without a token.</param>
/// <param name="Scale">Of the scores.</param>
public sealed record AttentionPackedReference(
    int S, int H, int D, int Capacity, (int Row, int First, int Count)[] Runs, double Scale)
{
    public int C => H * D;

    public int N => Runs.Sum(run => run.Count);

    /// <summary>[N]</summary>
    public int[] Rows => [.. Runs.SelectMany(run => Enumerable.Repeat(run.Row, run.Count))];

    /// <summary>[N]; -1 where there is no token.</summary>
    public int[] Positions => [.. Runs.SelectMany(run => Enumerable.Range(run.First, run.Count)
        .Select(position => run.First < 0 ? -1 : position))];

    /// <summary>qkv [N, 3C], keys and values [S, H, Capacity, D] to z [N, C].</summary>
    public TReal[] Forward<TReal>(TReal[] qkv, TReal[] keys, TReal[] values)
        where TReal : IFloatingPointIeee754<TReal>
    {
        TReal[] z = new TReal[N * C];
        (int[] rows, int[] positions) = (Rows, Positions);
        for (int n = 0; n < N; n++)
            for (int h = 0; h < H && positions[n] >= 0; h++)
            {
                TReal[] p = new TReal[positions[n] + 1];
                for (int j = 0; j < p.Length; j++)
                {
                    for (int d = 0; d < D; d++)
                        p[j] += qkv[n * 3 * C + h * D + d] * keys[Place(rows[n], h, j) + d];
                    p[j] *= TReal.CreateChecked(Scale);
                }
                TReal max = p.Aggregate(TReal.Max), sum = TReal.Zero;
                for (int j = 0; j < p.Length; j++)
                {
                    p[j] = TReal.Exp(p[j] - max);
                    sum += p[j];
                }
                for (int j = 0; j < p.Length; j++)
                    for (int d = 0; d < D; d++)
                        z[n * C + h * D + d] += p[j] / sum * values[Place(rows[n], h, j) + d];
            }
        return z;
    }

    /// <summary>Copies k and v of qkv [N, 3C] to their places in the caches.</summary>
    public void Write<TReal>(TReal[] qkv, TReal[] keys, TReal[] values)
    {
        (int[] rows, int[] positions) = (Rows, Positions);
        for (int n = 0; n < N; n++)
            for (int c = 0; c < C && positions[n] >= 0; c++)
            {
                int at = Place(rows[n], c / D, positions[n]) + c % D;
                (keys[at], values[at]) = (qkv[(3 * n + 1) * C + c], qkv[(3 * n + 2) * C + c]);
            }
    }

    /// <summary>The index of a head's first column at a position of a cache row.</summary>
    public int Place(int row, int head, int position) => ((row * H + head) * Capacity + position) * D;

    /// <summary>
    /// A cache's floats: <paramref name="values"/> where a token looks, NaN everywhere else.
    /// </summary>
    public float[] Seen(float[] values)
    {
        float[] cache = [.. Enumerable.Repeat(float.NaN, S * Capacity * C)];
        foreach ((int row, int first, int count) in Runs.Where(run => run.First >= 0))
            for (int h = 0; h < H; h++)
            {
                int at = Place(row, h, 0);
                values.AsSpan(at, (first + count) * D).CopyTo(cache.AsSpan(at));
            }
        return cache;
    }
}
