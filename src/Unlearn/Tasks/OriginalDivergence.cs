using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Unlearn;

/// <summary>
/// KL(p_original || p) between a model in training and its state before, mean over positions.
/// </summary>
sealed class OriginalDivergence : IDisposable
{
    const long LogitsInPass = 1L << 25; // floats; three such tensors are held

    readonly LanguageModel _model;
    readonly RowGradients _passes;
    readonly OriginalModel _original;
    readonly TensorArena _arena;
    readonly int _rowsInPass;

    /// <param name="model">Model in its current state, which is copied as the original.</param>
    /// <param name="passes">Passes over the same model; gradients are added into theirs.</param>
    /// <param name="longest">Number of tokens of the longest row.</param>
    /// <param name="logitsInPass">Most logits of a pass; longer lists of rows take several.</param>
    internal OriginalDivergence(
        LanguageModel model, RowGradients passes, int longest, long logitsInPass = LogitsInPass)
    {
        (_model, _passes) = (model, passes);
        long rows = logitsInPass / ((long)model.Config.VocabSize * longest);
        _rowsInPass = (int)Math.Clamp(rows, 1, passes.RowsInPass);
        _original = new OriginalModel(model, new SessionOptions
        {
            MaxRows = _rowsInPass, MaxTokens = longest, Logits = LogitsAt.All,
        });
        _arena = new TensorArena(model.Device, _rowsInPass * (long)longest + 64, "divergences");
    }

    /// <summary>
    /// Adds the gradient of <paramref name="factor"/> times the mean divergence, and returns that product.
    /// </summary>
    internal double Add(IReadOnlyList<int[]> rows, double factor)
    {
        double positions = rows.Sum(r => (long)r.Length), sum = 0;
        foreach (int[][] pass in rows.Chunk(_rowsInPass))
        {
            var batch = new SequenceBatch([.. pass]);
            _original.Session.Forward(batch);
            sum += _passes.Session.ForwardBackward(batch,
                (logits, dLogits) => Divergence(batch, logits, dLogits, (float)(factor / positions)),
                _passes.Gradients);
        }
        return factor * sum / positions;
    }

    double Divergence(SequenceBatch batch, Tensor logits, Tensor dLogits, float scale)
    {
        _arena.Reset();
        Tensor losses = _arena.Cut("divergences", logits.Rows);
        _model.Ops.KlDivergence(_original.Session.Logits, logits, losses, dLogits, scale);
        float[] values = losses.ToArray();
        double sum = 0;
        for (int b = 0; b < batch.B; b++)
            for (int t = 0; t < batch.Lengths[b]; t++)
                sum += values[b * batch.T + t];
        return sum;
    }

    public void Dispose()
    {
        _arena.Dispose();
        _original.Dispose();
    }
}
