using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Inject;

/// <summary>A token and what a vector adds to its logit.</summary>
/// <param name="Token">Token id.</param>
/// <param name="Logit">Logit of x W_U + b_U.</param>
public readonly record struct TokenLogit(int Token, float Logit);

/// <summary>
/// Reads vectors of the model's width as tokens: <c>x W_U + b_U</c>, without a LayerNorm, as the paper reads
/// the results of heads (arXiv 2309.05605, section 3); with a Jacobian lens <c>x J^T W_U + b_U</c>.
/// </summary>
/// <remarks>In lists and ranks, ties of logits go to the lower id.</remarks>
public sealed class TokenReading
{
    readonly float[] _logits; // [n, V]
    readonly int[] _top; // [n, k]
    readonly int _vocabulary, _count;

    TokenReading(float[] logits, int[] top, int vocabulary, int count)
        => (_logits, _top, _vocabulary, _count) = (logits, top, vocabulary, count);

    /// <summary>Reads vectors as tokens.</summary>
    /// <param name="model">The model with the unembedding.</param>
    /// <param name="vectors">[n, C]: vectors to read; n · V logits are stored.</param>
    /// <param name="top">Number of tokens to list per vector; 1 to V.</param>
    /// <param name="bias">Whether b_U is added; leave it out for a difference of two vectors.</param>
    /// <param name="jacobian">The lens of the stream that the vectors are added to; null for none.</param>
    /// <exception cref="UserException">A logit is not finite.</exception>
    public static TokenReading Of(LanguageModel model, float[] vectors, int top, bool bias = true,
        StreamJacobian? jacobian = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(vectors);
        int C = model.Config.Width, V = model.Config.VocabSize, n = vectors.Length / C;
        using var arena = new TensorArena(model.Device, TensorArena.Measure(model.Device, a =>
        {
            a.Cut("vectors", n, C);
            a.Cut("logits", n, V);
            a.Cut("largest logits", n, top);
            a.CutIndices("their tokens", n, top);
        }), "what attention writes, read as tokens");
        Tensor x = arena.Upload("vectors", jacobian?.Forward(vectors) ?? vectors, n, C);
        Tensor y = arena.Cut("logits", n, V);
        Tensor values = arena.Cut("largest logits", n, top);
        IndexTensor tokens = arena.CutIndices("their tokens", n, top);
        model.Ops.MatMulTransposed(x, model.Weights.Head, y);
        if (bias && model.Weights.HeadBias is { } b)
            model.Ops.AddBias(y, b, y);
        model.Ops.TopK(y, values, tokens, top);
        float[] logits = y.ToArray();
        foreach (float logit in logits)
            if (!float.IsFinite(logit))
                throw new UserException(
                    "what attention writes is no longer numbers; expected finite weights");
        return new TokenReading(logits, tokens.ToArray(), V, top);
    }

    /// <summary>Returns the tokens with the largest logits, largest first.</summary>
    public IReadOnlyList<TokenLogit> Top(int vector) => [.. _top.AsSpan(vector * _count, _count).ToArray()
        .Select(v => new TokenLogit(v, Logits(vector)[v]))];

    /// <summary>Returns the rank of a token, 1 for the largest logit.</summary>
    public int Rank(int vector, int token) => LogitRank.Of(Logits(vector), token);

    /// <summary>Returns the logits of a vector, [V].</summary>
    public ReadOnlySpan<float> Logits(int vector) => _logits.AsSpan(vector * _vocabulary, _vocabulary);
}
