using HeadTap.Models;
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
        foreach (float logit in logits)
            if (!float.IsFinite(logit))
                throw new UserException(
                    "the logits are no longer numbers: the injected vector overflows float32; "
                    + "expected a smaller tau");
        double logSum = LogSumExp.Of(logits), surprisal = logSum - logits[answer];
        int rank = 1;
        for (int v = 0; v < logits.Length; v++)
            if (logits[v] > logits[answer] || (logits[v] == logits[answer] && v < answer))
                rank++;
        return new(Math.Exp(-surprisal), rank, surprisal,
            [.. Largest(logits, top).Select(t => new TokenChance(t.Token, Math.Exp(t.Logit - logSum)))]);
    }

    // Sorting a vocabulary of 50,257 for ten tokens took most of a sweep's time.
    static List<(float Logit, int Token)> Largest(ReadOnlySpan<float> logits, int count)
    {
        var largest = new List<(float Logit, int Token)>(count + 1);
        for (int v = 0; v < logits.Length; v++)
        {
            if (largest.Count == count && (count == 0 || logits[v] <= largest[^1].Logit))
                continue;
            int at = largest.Count; // behind equals: the lower id comes first
            while (at > 0 && largest[at - 1].Logit < logits[v])
                at--;
            largest.Insert(at, (logits[v], v));
            if (largest.Count > count)
                largest.RemoveAt(count);
        }
        return largest;
    }
}
