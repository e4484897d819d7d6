using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Unlearn;

/// <summary>How well a model predicts rows of tokens; each row is a separate text.</summary>
/// <param name="Tokens">Number of predicted tokens.</param>
/// <param name="Loss">Mean cross-entropy over all predicted tokens, nats.</param>
/// <param name="Accuracy">Share of the predicted tokens that were the most probable one.</param>
/// <param name="BatchPerplexity">Perplexity as the reference computes it: mean over batches of exp(mean loss
/// of the batch).</param>
public sealed record RowScore(long Tokens, double Loss, double Accuracy, double BatchPerplexity)
{
    /// <summary>Number of rows of the reference's batch, which its perplexity depends on.</summary>
    public const int ReferenceBatch = 128;

    /// <summary>exp of the mean loss over all predicted tokens.</summary>
    public double Perplexity => Math.Exp(Loss);

    /// <summary>
    /// Scores a model on rows. Rows of fewer than two tokens predict nothing and are left out.
    /// </summary>
    /// <exception cref="UserException">No row has two tokens, one does not fit the context, or an id is
    /// outside the vocabulary.</exception>
    public static RowScore Measure(LanguageModel model, IReadOnlyList<int[]> rows)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(rows);
        int[][] texts = [.. rows.Where(r => r.Length > 1)];
        if (texts.Length == 0)
            throw new UserException("no row has two tokens, so there is nothing to predict");
        double sum = 0, perplexities = 0;
        long tokens = 0, right = 0;
        int batches = 0;
        foreach (int[][] batch in texts.Chunk(ReferenceBatch))
        {
            int context = Math.Min(model.Config.ContextLength, batch.Max(r => r.Length));
            TextScore score = TextEvaluation.Run(model, batch, context, context);
            sum += score.Loss * score.Tokens;
            tokens += score.Tokens;
            right += (long)Math.Round(score.Accuracy * score.Tokens);
            perplexities += score.Perplexity;
            batches++;
        }
        return new RowScore(tokens, sum / tokens, (double)right / tokens, perplexities / batches);
    }
}
