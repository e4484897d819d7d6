using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>
/// From the final LayerNorm to logits and the loss. The loss goes through the vocabulary in chunks of rows,
/// so logits of a whole batch are never held unless somebody records or edits them.
/// </summary>
sealed class DecoderHead(LanguageModel model)
{
    const long LogitsInChunk = 16L << 20; // floats: 64 MiB, 333 rows of GPT-2's vocabulary

    readonly Ops ops = model.Ops;

    /// <summary>Rows whose logits are held at once.</summary>
    internal static int ChunkRows(ModelConfig config, int rows)
        => (int)Math.Clamp(LogitsInChunk / config.VocabSize, 16, Math.Max(rows, 16));

    /// <summary>Writes logits[rows, V] = x[rows, C] W_U + b_U.</summary>
    internal void Logits(Tensor x, Tensor logits)
    {
        ops.MatMulTransposed(x, model.Weights.Head, logits);
        if (model.Weights.HeadBias is { } bias)
            ops.AddBias(logits, bias, logits);
    }

    /// <summary>
    /// Losses of all rows that have a target, and with <paramref name="dX"/> the <paramref name="gradient"/>
    /// asked for: dX written, parameters' added into.
    /// </summary>
    /// <remarks>x [rows, C], compact: every row has a target. losses [rows]. chunk [chunk rows, V],
    /// overwritten. Weights of the gradient, if any, [rows].</remarks>
    internal void Loss(
        Tensor x, IndexTensor targets, Tensor losses, Tensor chunk, Tensor? dX, LossGradient? gradient)
    {
        int V = model.Config.VocabSize;
        for (int first = 0; first < x.Rows; first += chunk.Rows)
        {
            int n = Math.Min(chunk.Rows, x.Rows - first);
            Tensor xs = x.SliceRows(first, n), logits = chunk.Slice("logits", 0, n, V);
            Logits(xs, logits);
            Tensor? dLogits = dX is null ? null : logits; // in place: the probabilities exist nowhere
            ops.CrossEntropy(logits, targets.Slice("targets", first, n), losses.Slice("losses", first, n),
                dLogits, gradient?.Scale ?? 0f);
            if (gradient is not { } g)
                continue;
            if (g.Weights is { } weights)
                ops.ScaleRows(weights.Slice("weights", first, n), logits);
            Backward(xs, logits, dX!.SliceRows(first, n), g.Into.Named);
        }
    }

    /// <summary>Writes dX = dLogits W_Uᵀ and adds into the head's gradients.</summary>
    internal void Backward(Tensor x, Tensor dLogits, Tensor dX, NamedWeights<Tensor?> g)
    {
        ops.MatMul(dLogits, model.Weights.Head, null, dX);
        if (g.Head is not null)
            ops.MatMulWeightGradient(dLogits, x, g.Head);
        if (g.HeadBias is not null)
            ops.BiasGradient(dLogits, g.HeadBias);
    }
}
