using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>How well a model predicts texts.</summary>
/// <param name="Documents">Texts.</param>
/// <param name="Windows">Passes over them.</param>
/// <param name="Tokens">Tokens predicted, each once.</param>
/// <param name="Loss">Mean cross-entropy over all tokens, nats.</param>
/// <param name="WindowPerplexity">Mean over windows of exp(mean loss of the window).</param>
/// <param name="Accuracy">Share of tokens that were the most probable one.</param>
public sealed record TextScore(
    int Documents, int Windows, long Tokens, double Loss, double WindowPerplexity, double Accuracy)
{
    /// <summary>exp of the mean loss over all tokens: the perplexity of papers.</summary>
    public double Perplexity => Math.Exp(Loss);
}

/// <summary>Evaluates a model on texts longer than its context, window by window.</summary>
public static partial class TextEvaluation
{
    /// <summary>Runs the evaluation once; for several with other weights, see
    /// <see cref="TextEvaluator"/>.</summary>
    /// <param name="model">The model.</param>
    /// <param name="documents">Token ids; documents of fewer than two tokens predict nothing.</param>
    /// <param name="context">Tokens a window sees, at most the model's context.</param>
    /// <param name="stride">From one window's start to the next, 1 to <paramref name="context"/>.</param>
    /// <param name="progress">Told the tokens predicted so far and in all.</param>
    /// <exception cref="UserException">A number is out of range, a token is, or there is nothing to
    /// predict.</exception>
    public static TextScore Run(LanguageModel model, IReadOnlyList<int[]> documents, int context, int stride,
        Action<long, long>? progress = null)
    {
        using var evaluator = new TextEvaluator(model, documents, context, stride);
        return evaluator.Score(progress);
    }
}
