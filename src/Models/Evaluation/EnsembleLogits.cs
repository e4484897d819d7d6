using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>Logits of an ensemble, on the host in float64, rounded once.</summary>
public static class EnsembleLogits
{
    /// <summary>Writes one row of logits of several models' rows.</summary>
    /// <param name="rule">Of means, <c>to[v] = ln mean_m p_m(v)</c> or <c>mean_m z_m(v)</c>; of a vote, 0 for
    /// the token that is chosen and minus infinity for the others.</param>
    /// <param name="rows">[models][V].</param>
    /// <param name="to">[V]; may be one of the rows.</param>
    public static void Combine(EnsembleRule rule, IReadOnlyList<ReadOnlyMemory<float>> rows, Span<float> to)
    {
        ArgumentNullException.ThrowIfNull(rows);
        double[] logs = [.. rows.Select(row => LogSumExp.Of(row.Span))];
        int chosen = rule == EnsembleRule.Vote ? Winner(rows, logs) : -1;
        for (int v = 0; v < to.Length; v++)
            to[v] = rule switch
            {
                EnsembleRule.Logits => (float)MeanLogit(rows, v),
                EnsembleRule.Probabilities => (float)Math.Log(MeanProbability(rows, logs, v)),
                _ => v == chosen ? 0 : float.NegativeInfinity,
            };
    }

    /// <summary>Refuses models that cannot predict the same tokens.</summary>
    /// <exception cref="UserException">Their vocabularies have other sizes.</exception>
    internal static void RequireOneVocabulary(IReadOnlyList<LanguageModel> models)
    {
        if (models.FirstOrDefault(m => m.Config.VocabSize != models[0].Config.VocabSize) is { } other)
            throw new UserException($"models of an ensemble have vocabularies of "
                + $"{models[0].Config.VocabSize} and {other.Config.VocabSize} tokens; expected the same");
    }

    static int Winner(IReadOnlyList<ReadOnlyMemory<float>> rows, double[] logs)
    {
        Dictionary<int, int> votes = [];
        foreach (ReadOnlyMemory<float> row in rows)
        {
            int best = 0;
            for (int v = 1; v < row.Length; v++)
                if (row.Span[v] > row.Span[best])
                    best = v;
            votes[best] = votes.GetValueOrDefault(best) + 1;
        }
        return votes.OrderByDescending(v => v.Value)
            .ThenByDescending(v => MeanProbability(rows, logs, v.Key)).ThenBy(v => v.Key).First().Key;
    }

    static double MeanLogit(IReadOnlyList<ReadOnlyMemory<float>> rows, int v)
    {
        double sum = 0;
        foreach (ReadOnlyMemory<float> row in rows)
            sum += row.Span[v];
        return sum / rows.Count;
    }

    static double MeanProbability(IReadOnlyList<ReadOnlyMemory<float>> rows, double[] logs, int v)
    {
        double sum = 0;
        for (int m = 0; m < logs.Length; m++)
            sum += Math.Exp(rows[m].Span[v] - logs[m]);
        return sum / logs.Length;
    }
}
