using HeadTap.Runtime;

namespace HeadTap.Models;

// Several models as one.
public static partial class TextEvaluation
{
    /// <summary>Evaluates models whose predictions are combined; every token is predicted by all.</summary>
    /// <param name="models">Of one vocabulary.</param>
    /// <param name="rule">How; of a vote the losses are NaN, because it has no probabilities.</param>
    /// <param name="documents">Token ids; documents of fewer than two tokens predict nothing.</param>
    /// <param name="context">Tokens a window sees, at most each model's context.</param>
    /// <param name="stride">From one window's start to the next, 1 to <paramref name="context"/>.</param>
    /// <param name="progress">Told the tokens predicted so far and in all.</param>
    /// <exception cref="UserException">A number is out of range, a token is, the vocabularies differ, or
    /// there is nothing to predict.</exception>
    public static TextScore Run(IReadOnlyList<LanguageModel> models, EnsembleRule rule,
        IReadOnlyList<int[]> documents, int context, int stride, Action<long, long>? progress = null)
    {
        ArgumentNullException.ThrowIfNull(models);
        ArgumentNullException.ThrowIfNull(documents);
        EnsembleLogits.RequireOneVocabulary(models);
        ModelConfig shortest = models.Select(m => m.Config).MinBy(c => c.ContextLength)!;
        var windows = new TextWindows(shortest, models.Any(m => m.HasEdits), documents, context, stride);
        List<ModelSession> sessions = [];
        try
        {
            foreach (LanguageModel model in models)
                sessions.Add(new ModelSession(model, new SessionOptions
                {
                    MaxRows = windows.RowsOfPass, MaxTokens = windows.Longest, Logits = LogitsAt.All,
                }));
            return windows.Score(batch => Pass(sessions, rule, batch), progress);
        }
        finally
        {
            foreach (ModelSession session in sessions)
                session.Dispose();
        }
    }

    static (float[] Losses, int[] Best) Pass(
        List<ModelSession> sessions, EnsembleRule rule, TextWindows.Batch batch)
        => Combined(rule, [.. sessions.Select(session =>
        {
            session.Forward(batch.Rows);
            return session.Logits.ToArray();
        })], batch.Targets);

    /// <summary>What an ensemble says of a batch.</summary>
    /// <param name="rule">How it becomes one.</param>
    /// <param name="logits">[models][B T V]</param>
    /// <param name="targets">[B T], -1 where nothing is predicted.</param>
    /// <returns>Losses in nats, NaN of a vote, and most probable tokens, [B T].</returns>
    internal static (float[] Losses, int[] Best) Combined(EnsembleRule rule, float[][] logits, int[] targets)
    {
        int V = logits[0].Length / targets.Length;
        float[] losses = new float[targets.Length];
        int[] best = new int[targets.Length];
        Parallel.For(0, targets.Length, row =>
        {
            if (targets[row] < 0)
                return;
            float[] combined = new float[V];
            EnsembleLogits.Combine(rule, [.. logits.Select(z =>
                (ReadOnlyMemory<float>)z.AsMemory(row * V, V))], combined);
            losses[row] = rule == EnsembleRule.Vote ? float.NaN
                : (float)(LogSumExp.Of(combined) - combined[targets[row]]);
            best[row] = combined.AsSpan().IndexOf(combined.Max());
        });
        return (losses, best);
    }
}
