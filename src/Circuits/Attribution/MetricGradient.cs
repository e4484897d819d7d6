using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Circuits;

/// <summary>
/// Takes the gradient of a metric down a model: from the logits of each row's last token to the final
/// LayerNorm's output, and from there through the backward pass. Only those logits are ever made.
/// </summary>
sealed class MetricGradient : IDisposable
{
    readonly LanguageModel _model;
    readonly TensorArena _arena;
    readonly Tensor _dLogits, _dNorm; // [rows, V], [rows, C]
    readonly ParameterGradients _none;

    internal MetricGradient(LanguageModel model, int maxRows)
    {
        (int V, int C) = (model.Config.VocabSize, model.Config.Width);
        _model = model;
        _arena = new TensorArena(model.Device, TensorArena.Measure(model.Device, a =>
        {
            a.Cut("gradient of logits", maxRows, V);
            a.Cut("gradient of last rows", maxRows, C);
        }), "the metric's gradient");
        _dLogits = _arena.Cut("gradient of logits", maxRows, V);
        _dNorm = _arena.Cut("gradient of last rows", maxRows, C);
        _none = ParameterGradients.Create(model, new HashSet<string>());
    }

    /// <summary>Runs the backward pass of a session's last forward pass.</summary>
    /// <param name="session">Made with the logits of last tokens and with gradients.</param>
    /// <param name="rows">The batch of that pass.</param>
    /// <param name="metric">Differentiated for each row by itself.</param>
    /// <returns>[B]: the metric of each row.</returns>
    internal double[] Descend(ModelSession session, SequenceBatch rows, AnswerMetric metric)
    {
        (int V, int C) = (_model.Config.VocabSize, _model.Config.Width);
        float[] logits = session.Logits.ToArray(), dLogits = new float[logits.Length];
        double[] values = new double[rows.B];
        for (int b = 0; b < rows.B; b++)
        {
            values[b] = metric.Value(logits.AsSpan(b * V, V));
            metric.Gradient(logits.AsSpan(b * V, V), dLogits.AsSpan(b * V, V));
        }
        Tensor given = _dLogits.SliceRows(0, rows.B), last = _dNorm.SliceRows(0, rows.B);
        given.Upload(dLogits);
        _model.Ops.MatMul(given, _model.Weights.Head, null, last);
        float[] dLast = last.ToArray(), all = new float[rows.B * rows.T * C];
        for (int b = 0; b < rows.B; b++)
            dLast.AsSpan(b * C, C).CopyTo(all.AsSpan((b * rows.T + rows.Lengths[b] - 1) * C));
        session.Backward(Site.LnFinalNormalized, all, _none);
        return values;
    }

    public void Dispose()
    {
        _none.Dispose();
        _arena.Dispose();
    }
}
