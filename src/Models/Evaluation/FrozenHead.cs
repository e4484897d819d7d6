using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>
/// The final LayerNorm and the unembedding, with the norm's scale s frozen: then a logit is linear in the
/// stream, and what is written into the stream adds up to it (nostalgebraist 2020; Elhage et al. 2021, "A
/// mathematical framework for transformer circuits").
/// </summary>
/// <remarks>
/// <c>logit[v] = sum_r &lt;(r - mean r) / s * g, w_v&gt; + &lt;b, w_v&gt; + b_U[v]</c> over summands r of the
/// stream, w_v the unembedding of token v, g and b gain and shift of the norm, b_U the head's bias. Because
/// <c>&lt;r - mean r, d&gt; = &lt;r, d - mean d&gt;</c>, a summand is one product with one direction. Sums
/// are float64.
/// </remarks>
public sealed class FrozenHead
{
    readonly LanguageModel _model;
    readonly float[] _gain, _shift; // [C]

    /// <summary>Reads gain and shift of a model.</summary>
    public FrozenHead(LanguageModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        _model = model;
        _gain = model.Weights.FinalNormWeight.ToArray();
        _shift = model.Weights.FinalNormBias.ToArray();
    }

    /// <summary>[C]: the unembedding of a token, less that of another one.</summary>
    /// <param name="token">The token.</param>
    /// <param name="less">Token whose unembedding is subtracted; null for none.</param>
    /// <exception cref="ArgumentOutOfRangeException">A token is outside the vocabulary.</exception>
    public double[] Unembedding(int token, int? less = null)
        => Difference(_model.Weights.Head, _model.Config.Width, token, less);

    /// <summary>The head's bias of a token, less that of another one; 0 for a model without one.</summary>
    /// <param name="token">The token.</param>
    /// <param name="less">Token whose bias is subtracted; null for none.</param>
    /// <exception cref="ArgumentOutOfRangeException">A token is outside the vocabulary.</exception>
    public double Bias(int token, int? less = null)
        => _model.Weights.HeadBias is { } bias ? Difference(bias, 1, token, less)[0] : 0;

    /// <summary>
    /// [C]: <c>d - mean d</c> for <c>d = g * w</c>. Its product with a summand, divided by s, is what that
    /// adds.
    /// </summary>
    /// <param name="unembedding">[C]: w, such as <see cref="Unembedding"/>.</param>
    public double[] Direction(IReadOnlyList<double> unembedding)
    {
        ArgumentNullException.ThrowIfNull(unembedding);
        double[] d = [.. unembedding.Select((w, c) => w * _gain[c])];
        double mean = d.Average();
        return [.. d.Select(v => v - mean)];
    }

    /// <summary><c>&lt;b, w&gt;</c>: what the norm's shift adds.</summary>
    /// <param name="unembedding">[C]: w.</param>
    public double Shift(double[] unembedding) => Product(_shift, unembedding);

    /// <summary>[n, C]: <c>(r - mean r) / s * g</c> for summands r, as the unembedding takes them.</summary>
    /// <param name="summands">[n, C]: summands of the stream.</param>
    /// <param name="scale">s: root of the whole stream's variance plus epsilon.</param>
    public float[] Normalized(float[] summands, float scale)
    {
        ArgumentNullException.ThrowIfNull(summands);
        int C = _gain.Length, n = summands.Length / C;
        float[] normalized = new float[summands.Length];
        for (int i = 0; i < n; i++)
        {
            double mean = 0;
            for (int c = 0; c < C; c++)
                mean += summands[i * C + c];
            mean /= C;
            for (int c = 0; c < C; c++)
                normalized[i * C + c] = (float)((summands[i * C + c] - mean) / scale * _gain[c]);
        }
        return normalized;
    }

    /// <summary>The product of a row and a direction, in float64.</summary>
    /// <param name="row">[n]</param>
    /// <param name="direction">[n]</param>
    public static double Product(ReadOnlySpan<float> row, double[] direction)
    {
        ArgumentNullException.ThrowIfNull(direction);
        ArgumentOutOfRangeException.ThrowIfNotEqual(row.Length, direction.Length);
        double sum = 0;
        for (int c = 0; c < direction.Length; c++)
            sum += row[c] * direction[c];
        return sum;
    }

    double[] Difference(Tensor table, int width, int token, int? less)
    {
        float[] own = Row(token);
        float[]? other = less is { } subtracted ? Row(subtracted) : null;
        return [.. own.Select((v, c) => v - (double)(other?[c] ?? 0))];

        float[] Row(int of)
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(
                (uint)of, (uint)_model.Config.VocabSize, nameof(token));
            return table.Slice("row", (long)of * width, width).ToArray();
        }
    }
}
