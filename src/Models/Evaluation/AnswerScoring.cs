using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>What a model thinks of a prompt and an answer to it.</summary>
/// <param name="Probability">Of the whole answer, token after token.</param>
/// <param name="Greedy">Whether each of its tokens is the most probable one: generation would write
/// it.</param>
/// <param name="FirstLogit">Logit of the answer's first token.</param>
public sealed record ScoredAnswer(double Probability, bool Greedy, float FirstLogit);

/// <summary>Probabilities of given answers, from one pass each.</summary>
public static class AnswerScoring
{
    /// <summary>Most questions of one pass: edits of single rows fit up to so many.</summary>
    public const int RowsInPass = 32;

    /// <summary>Scores answers; rows do not influence one another.</summary>
    /// <param name="model">The model, with the edits attached to it.</param>
    /// <param name="questions">Prompts and answers, both at least one token.</param>
    /// <exception cref="UserException">A question does not fit the context or the vocabulary.</exception>
    public static IReadOnlyList<ScoredAnswer> Score(
        LanguageModel model, IReadOnlyList<(int[] Prompt, int[] Answer)> questions)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(questions);
        if (questions.Count == 0)
            return [];
        foreach ((_, int[] answer) in questions) // the last token of an answer is in no pass
            if (answer[^1] < 0 || answer[^1] >= model.Config.VocabSize)
                throw new UserException($"an answer has token id {answer[^1]}; the model's vocabulary is "
                    + $"0 to {model.Config.VocabSize - 1}");
        var scores = new List<ScoredAnswer>();
        using var session = new ModelSession(model, new SessionOptions
        {
            MaxRows = Math.Min(RowsInPass, questions.Count),
            MaxTokens = questions.Max(q => q.Prompt.Length + q.Answer.Length - 1),
            Logits = LogitsAt.All,
        });
        float[] logits = [];
        foreach ((int[] Prompt, int[] Answer)[] pass in questions.Chunk(RowsInPass))
        {
            var batch = new SequenceBatch(
                [.. pass.Select(q => (IReadOnlyList<int>)[.. q.Prompt, .. q.Answer[..^1]])]);
            session.Forward(batch);
            if (logits.Length != session.Logits.Length)
                logits = new float[session.Logits.Length];
            session.Logits.Download(logits);
            int V = model.Config.VocabSize;
            for (int b = 0; b < pass.Length; b++)
                scores.Add(Of(logits.AsSpan(b * batch.T * V, batch.T * V), V,
                    pass[b].Prompt.Length, pass[b].Answer));
        }
        return scores;
    }

    static ScoredAnswer Of(ReadOnlySpan<float> logits, int V, int promptLength, int[] answer)
    {
        double logProbability = 0;
        bool greedy = true;
        for (int i = 0; i < answer.Length; i++)
        {
            ReadOnlySpan<float> row = logits.Slice((promptLength - 1 + i) * V, V);
            float max = float.NegativeInfinity;
            int best = 0;
            for (int v = 0; v < V; v++)
                if (row[v] > max)
                    (max, best) = (row[v], v);
            double sum = 0;
            foreach (float logit in row)
                sum += Math.Exp((double)logit - max);
            logProbability += row[answer[i]] - max - Math.Log(sum);
            greedy &= best == answer[i];
        }
        return new ScoredAnswer(Math.Exp(logProbability), greedy, logits[(promptLength - 1) * V + answer[0]]);
    }
}
