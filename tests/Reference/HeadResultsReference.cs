using System.Numerics;

namespace HeadTap.Reference;

/// <summary>What each head adds to the residual stream: one product per head, no bias.</summary>
/// <param name="Rows">Tokens.</param>
/// <param name="H">Heads.</param>
/// <param name="D">Size of a head; C = H * D.</param>
public sealed record HeadResultsReference(int Rows, int H, int D)
{
    public int C => H * D;

    /// <summary>z [rows, C], weight [C, C] to result [rows, H, C].</summary>
    public TReal[] Forward<TReal>(TReal[] z, TReal[] weight) where TReal : IFloatingPointIeee754<TReal>
    {
        TReal[] result = new TReal[Rows * H * C];
        Visit((r, h, d, c) => result[(r * H + h) * C + c] += z[r * C + h * D + d]
            * weight[(h * D + d) * C + c]);
        return result;
    }

    /// <summary>result [rows, H, C] to attnOut [rows, C].</summary>
    public TReal[] Sum<TReal>(TReal[] result, TReal[] bias) where TReal : IFloatingPointIeee754<TReal>
    {
        TReal[] sum = new TReal[Rows * C];
        for (int r = 0; r < Rows; r++)
            for (int c = 0; c < C; c++)
            {
                for (int h = 0; h < H; h++)
                    sum[r * C + c] += result[(r * H + h) * C + c];
                sum[r * C + c] += bias[c];
            }
        return sum;
    }

    public (TReal[] DZ, TReal[] DWeight) Backward<TReal>(TReal[] dResult, TReal[] z, TReal[] weight)
        where TReal : IFloatingPointIeee754<TReal>
    {
        TReal[] dZ = new TReal[z.Length], dWeight = new TReal[weight.Length];
        Visit((r, h, d, c) =>
        {
            dZ[r * C + h * D + d] += dResult[(r * H + h) * C + c] * weight[(h * D + d) * C + c];
            dWeight[(h * D + d) * C + c] += dResult[(r * H + h) * C + c] * z[r * C + h * D + d];
        });
        return (dZ, dWeight);
    }

    void Visit(Action<int, int, int, int> term)
    {
        for (int r = 0; r < Rows; r++)
            for (int h = 0; h < H; h++)
                for (int d = 0; d < D; d++)
                    for (int c = 0; c < C; c++)
                        term(r, h, d, c);
    }
}
