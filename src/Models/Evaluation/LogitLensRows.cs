using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>
/// Reads rows of a residual stream through the final LayerNorm and the unembedding (logit lens;
/// nostalgebraist 2020), some rows at a time.
/// </summary>
public sealed class LogitLensRows : IDisposable
{
    readonly LanguageModel _model;
    readonly TensorArena _arena;
    readonly Tensor _x, _y, _mean, _rstd, _logits;

    /// <summary>Room for rows.</summary>
    /// <param name="model">The model whose weights read.</param>
    /// <param name="rows">Most rows at a time.</param>
    /// <exception cref="UserException">It does not fit the device.</exception>
    public LogitLensRows(LanguageModel model, int rows)
    {
        ArgumentNullException.ThrowIfNull(model);
        _model = model;
        int C = model.Config.Width, V = model.Config.VocabSize;
        _arena = new TensorArena(model.Device, TensorArena.Measure(model.Device, a =>
        {
            a.Cut("stream", rows, C);
            a.Cut("normalised", rows, C);
            a.Cut("mean", rows);
            a.Cut("rstd", rows);
            a.Cut("logits", rows, V);
        }), "the logit lens");
        (_x, _y) = (_arena.Cut("stream", rows, C), _arena.Cut("normalised", rows, C));
        (_mean, _rstd) = (_arena.Cut("mean", rows), _arena.Cut("rstd", rows));
        _logits = _arena.Cut("logits", rows, V);
    }

    /// <summary>Returns the logits of rows, [n, V].</summary>
    /// <param name="stream">[T, C]</param>
    /// <param name="first">The first row to read.</param>
    /// <param name="n">How many, at most those there is room for.</param>
    public float[] Logits(float[] stream, int first, int n)
    {
        ArgumentNullException.ThrowIfNull(stream);
        int C = _model.Config.Width;
        Tensor x = _x.SliceRows(0, n), y = _y.SliceRows(0, n), logits = _logits.SliceRows(0, n);
        x.Upload(stream.AsSpan(first * C, n * C));
        _model.Ops.LayerNorm(x, _model.Weights.FinalNormWeight, _model.Weights.FinalNormBias, y,
            _mean.Slice("mean", 0, n), _rstd.Slice("rstd", 0, n), _model.Config.LayerNormEpsilon);
        _model.Ops.MatMulTransposed(y, _model.Weights.Head, logits);
        float[] values = logits.ToArray();
        if (_model.Weights.HeadBias is { } headBias)
        {
            float[] bias = headBias.ToArray();
            for (int i = 0; i < values.Length; i++)
                values[i] += bias[i % bias.Length];
        }
        return values;
    }

    /// <inheritdoc/>
    public void Dispose() => _arena.Dispose();
}
