using HeadTap.Models;

namespace HeadTap.Circuits;

/// <summary>
/// Lengths of what heads write to the stream, from z alone: |z W_O|² = z G zᵀ with G = W_O W_Oᵀ, [D, D].
/// </summary>
sealed class ResultNorms
{
    readonly double[][] _grams; // [L H][D, D]
    readonly int _H, _D;

    internal ResultNorms(LanguageModel model)
    {
        ModelConfig config = model.Config;
        (_H, _D) = (config.Heads, config.HeadWidth);
        _grams = new double[config.Layers * _H][];
        for (int l = 0; l < config.Layers; l++)
        {
            float[] projection = model.Weights.Layers[l].ProjWeight.ToArray(); // [H D, C]
            for (int h = 0; h < _H; h++)
                _grams[l * _H + h] = Gram(projection, h * _D, _D, config.Width);
        }
    }

    /// <summary>The length of what a head writes for a z, [D].</summary>
    internal double Of(int layer, int head, ReadOnlySpan<float> z)
    {
        double[] gram = _grams[layer * _H + head];
        double sum = 0;
        for (int i = 0; i < _D; i++)
        {
            double below = 0; // G is symmetric: each pair is met once
            for (int j = 0; j < i; j++)
                below += gram[i * _D + j] * z[j];
            sum += z[i] * (2 * below + gram[i * _D + i] * z[i]);
        }
        return Math.Sqrt(Math.Max(0, sum)); // rounding may leave it below 0; NaN stays NaN
    }

    static double[] Gram(float[] rows, int first, int D, int C)
    {
        double[] gram = new double[D * D];
        for (int i = 0; i < D; i++)
            for (int j = 0; j <= i; j++)
            {
                ReadOnlySpan<float> a = rows.AsSpan((first + i) * C, C), b = rows.AsSpan((first + j) * C, C);
                double dot = 0;
                for (int c = 0; c < C; c++)
                    dot += (double)a[c] * b[c];
                gram[i * D + j] = gram[j * D + i] = dot;
            }
        return gram;
    }
}
