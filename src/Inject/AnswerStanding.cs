using HeadTap.Runtime;

namespace HeadTap.Inject;

/// <summary>A token and its probability.</summary>
/// <param name="Token">Its id.</param>
/// <param name="Probability">Of the next token being it.</param>
public readonly record struct TokenChance(int Token, double Probability);

/// <summary>How an answer stands among all next tokens.</summary>
/// <param name="Probability">softmax(logits)[answer], in float64.</param>
/// <param name="Rank">1 for the most probable token; among equals the lower id comes first.</param>
/// <param name="Surprisal">-ln probability, nats.</param>
/// <param name="Top">The most probable tokens, first the most.</param>
public sealed record AnswerStanding(double Probability, int Rank, double Surprisal,
    IReadOnlyList<TokenChance> Top)
{
    /// <summary>Reads it off one row of logits.</summary>
    /// <param name="logits">[V]</param>
    /// <param name="answer">A token id.</param>
    /// <param name="top">How many of the most probable tokens to keep.</param>
    /// <exception cref="UserException">A logit is no number: the edit was too strong for float32.</exception>
    public static AnswerStanding Of(ReadOnlySpan<float> logits, int answer, int top)
    {
        double max = double.NegativeInfinity;
        foreach (float logit in logits)
        {
            if (!float.IsFinite(logit))
                throw new UserException(
                    "the logits are no longer numbers: the injected vector overflows float32; "
                    + "expected a smaller tau");
            max = Math.Max(max, logit);
        }
        double sum = 0;
        foreach (float logit in logits)
            sum += Math.Exp(logit - max);
        double logSum = max + Math.Log(sum), surprisal = logSum - logits[answer];
        int rank = 1;
        for (int v = 0; v < logits.Length; v++)
            if (logits[v] > logits[answer] || (logits[v] == logits[answer] && v < answer))
                rank++;
        float[] values = logits.ToArray();
        int[] order = [.. Enumerable.Range(0, values.Length)
            .OrderByDescending(v => values[v]).ThenBy(v => v).Take(top)];
        return new(Math.Exp(-surprisal), rank, surprisal,
            [.. order.Select(v => new TokenChance(v, Math.Exp(values[v] - logSum)))]);
    }
}
