using HeadTap.Models;
using MathNet.Numerics.LinearAlgebra;

namespace HeadTap.Merge;

/// <summary>What can be done to the inside of a block without changing what it computes.</summary>
/// <param name="Neurons">[I]: neuron i of the result is this one.</param>
/// <param name="Heads">[H]: head h of the result is this one.</param>
/// <param name="QueryKey">[H], of the result's heads: <c>W_Q M</c> and <c>W_K M^-T</c>, biases with them;
/// null for none.</param>
/// <param name="ValueOutput">[H]: <c>W_V M</c> and <c>M^-1 W_O</c>, b_V with W_V; null for none.</param>
sealed record BlockSymmetry(
    int[] Neurons, int[] Heads, HeadMap[]? QueryKey = null, HeadMap[]? ValueOutput = null)
{
    /// <summary>Changes a block in place.</summary>
    internal void Apply(DecoderWeights weights, int layer)
    {
        int C = weights.Config.Width, I = weights.Config.Inner;
        Take(weights, Role.MlpInWeight, layer, Columns(weights[Role.MlpInWeight, layer], I, Neurons));
        Take(weights, Role.MlpInBias, layer, Columns(weights[Role.MlpInBias, layer], I, Neurons));
        Take(weights, Role.MlpOutWeight, layer, Rows(weights[Role.MlpOutWeight, layer], C, Neurons));
        ApplyToHeads(weights, layer);
    }

    void ApplyToHeads(DecoderWeights weights, int layer)
    {
        int C = weights.Config.Width, H = weights.Config.Heads, D = weights.Config.HeadWidth;
        int[] inside = [.. Heads.SelectMany(h => Enumerable.Range(h * D, D))];
        int[] qkv = [.. Enumerable.Range(0, 3).SelectMany(which => inside.Select(i => which * C + i))];
        double[] weight = Columns(weights[Role.QkvWeight, layer], 3 * C, qkv);
        double[] bias = Columns(weights[Role.QkvBias, layer], 3 * C, qkv);
        double[] output = Rows(weights[Role.ProjWeight, layer], C, inside);
        for (int h = 0; h < H; h++)
        {
            if (QueryKey?[h] is { } qk)
                foreach (double[] rows in (double[][])[weight, bias])
                {
                    Map(rows, 3 * C, h * D, qk.Forward);
                    Map(rows, 3 * C, C + h * D, qk.Inverse.Transpose());
                }
            if (ValueOutput?[h] is { } vo)
            {
                Map(weight, 3 * C, 2 * C + h * D, vo.Forward);
                Map(bias, 3 * C, 2 * C + h * D, vo.Forward);
                (vo.Inverse * Rotation.Dense(output.AsSpan(h * D * C, D * C), C)).ToRowMajorArray()
                    .CopyTo(output, h * D * C);
            }
        }
        Take(weights, Role.QkvWeight, layer, weight);
        Take(weights, Role.QkvBias, layer, bias);
        Take(weights, Role.ProjWeight, layer, output);
    }

    // D columns of rows, from the first on, times a map.
    static void Map(double[] rows, int columns, int first, Matrix<double> map)
    {
        int D = map.RowCount;
        double[] mapped = new double[D];
        for (int start = first; start < rows.Length; start += columns)
        {
            for (int e = 0; e < D; e++)
            {
                double sum = 0;
                for (int d = 0; d < D; d++)
                    sum += rows[start + d] * map[d, e];
                mapped[e] = sum;
            }
            mapped.CopyTo(rows, start);
        }
    }

    static void Take(DecoderWeights weights, Role role, int layer, double[] values)
        => weights.Put(role, layer, values);

    /// <summary>Rows [*, columns] with their columns in an order.</summary>
    internal static double[] Columns(double[] rows, int columns, int[] order)
    {
        double[] taken = new double[rows.Length];
        for (int start = 0; start < rows.Length; start += columns)
            for (int c = 0; c < columns; c++)
                taken[start + c] = rows[start + order[c]];
        return taken;
    }

    /// <summary>Rows of a width in an order.</summary>
    internal static double[] Rows(double[] rows, int width, int[] order)
    {
        double[] taken = new double[rows.Length];
        for (int i = 0; i < order.Length; i++)
            rows.AsSpan(order[i] * width, width).CopyTo(taken.AsSpan(i * width));
        return taken;
    }
}
