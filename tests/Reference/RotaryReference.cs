using System.Numerics;

namespace HeadTap.Reference;

/// <summary>
/// Rotary position embedding, as complex numbers: the pair (i, i + m/2) times e^(i t f), f = base^(-2i/m).
/// </summary>
/// <param name="Rows">Tokens.</param>
/// <param name="H">Heads.</param>
/// <param name="D">Numbers of a head.</param>
/// <param name="M">Numbers of a head that turn.</param>
/// <param name="P">Positions of the table.</param>
public sealed record RotaryReference(int Rows, int H, int D, int M, int P)
{
    /// <summary>Width of the stream.</summary>
    public int C => H * D;

    /// <summary>A position for each row; some twice, one negative from the fourth row on.</summary>
    public int[] Positions => [.. Enumerable.Range(0, Rows).Select(r => r == 3 ? -1 : r * 7 % P)];

    /// <summary>[P, m]: cosines, then sines, computed in float64.</summary>
    public float[] Table(double frequencyBase = 10_000)
    {
        var table = new float[P * M];
        for (int t = 0; t < P; t++)
            for (int i = 0; i < M / 2; i++)
            {
                (double sin, double cos) = Math.SinCos(t * Math.Pow(frequencyBase, -2.0 * i / M));
                (table[t * M + i], table[t * M + M / 2 + i]) = ((float)cos, (float)sin);
            }
        return table;
    }

    /// <summary>Rotates q and k of [rows, 3C].</summary>
    public T[] Rotated<T>(T[] qkv, T[] table, bool back = false)
        where T : IFloatingPointIeee754<T>
    {
        T[] y = [.. qkv];
        for (int r = 0; r < Rows; r++)
            for (int head = 0; head < 2 * H && Positions[r] >= 0; head++)
                for (int i = 0; i < M / 2; i++)
                {
                    int at = r * 3 * C + head * D + i, from = Positions[r] * M + i;
                    (T re, T im, T cos, T sin) = (qkv[at], qkv[at + M / 2], table[from], table[from + M / 2]);
                    if (back)
                        sin = -sin;
                    (y[at], y[at + M / 2]) = (re * cos - im * sin, im * cos + re * sin);
                }
        return y;
    }
}
