using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Inject;

/// <summary>A token and its probability of being the next.</summary>
/// <param name="Token">Token id.</param>
/// <param name="Probability">Probability that the token is the next, 0 to 1.</param>
public readonly record struct TokenChance(int Token, double Probability);

/// <summary>Probability and rank of an answer among all next tokens.</summary>
/// <param name="Probability">Softmax(logits)[answer], in float64.</param>
/// <param name="Rank">Rank of the answer, 1 for the most probable token; ties go to the lower id.</param>
/// <param name="Surprisal">Surprisal, -ln(probability), nats.</param>
/// <param name="Top">Most probable tokens, by descending probability.</param>
public sealed record AnswerStanding(double Probability, int Rank, double Surprisal,
    IReadOnlyList<TokenChance> Top)
{
    /// <summary>Computes probability and rank from one row of logits.</summary>
    /// <param name="logits">[V]: logits of the next token.</param>
    /// <param name="answer">Token id of the answer.</param>
    /// <param name="top">Number of most probable tokens to keep; 0 to V.</param>
    /// <exception cref="UserException">A logit is not finite: the edit overflowed float32.</exception>
    public static AnswerStanding Of(ReadOnlySpan<float> logits, int answer, int top)
    {
        foreach (float logit in logits)
            if (!float.IsFinite(logit))
                throw new UserException(
                    "the logits are not finite: the edited pass overflows float32");
        double logSum = LogSumExp.Of(logits), surprisal = logSum - logits[answer];
        return new(Math.Exp(-surprisal), LogitRank.Of(logits, answer), surprisal,
            [.. LargestLogits.Of(logits, top)
                .Select(t => new TokenChance(t.Token, Math.Exp(t.Logit - logSum)))]);
    }
}
