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
/// <remarks>
/// A window sees up to <c>context</c> tokens and predicts the token after each. With a stride below the
/// context windows overlap and only tokens no earlier window predicted are counted, so each token of a
/// document but the first is counted once. While edits are in force, a document that fits the context is
/// one row with its last token, so that positions count as in every other pass; it changes no loss, because
/// no token sees a later one.
/// </remarks>
public static partial class TextEvaluation
{
    // Logits of a pass: 128 MiB at most, and one row at least.
    const long MostLogits = 1 << 25;
    const int MostRows = 16;

    // Tokens that predict, from the first counted one to the last; and one more that only edits see.
    readonly record struct Window(int Document, int Start, int Length, int FirstCounted, bool ShowsLast);

    /// <summary>Runs the evaluation.</summary>
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
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(documents);
        return Run(model.Config, model.HasEdits, documents, context, stride, progress, (rows, longest) =>
        {
            var session = new ModelSession(model,
                new SessionOptions { MaxRows = rows, MaxTokens = longest, Logits = LogitsAt.All });
            var arena = new TensorArena(model.Device, 3L * rows * longest + 192, "losses");
            return new Passes(windows => Pass(session, arena, documents, windows), () =>
            {
                arena.Dispose();
                session.Dispose();
            });
        });
    }

    // What predicts the tokens of some windows, and what it frees at its end.
    readonly record struct Passes(
        Func<Window[], (float[] Losses, int[] Best, int[] Targets, int T)> Run, Action Close);

    static TextScore Run(ModelConfig config, bool edited, IReadOnlyList<int[]> documents, int context,
        int stride, Action<long, long>? progress, Func<int, int, Passes> open)
    {
        Require(config, context, stride);
        RequireIds(documents, config.VocabSize);
        List<Window> windows = [.. documents.SelectMany((d, i) => Windows(i, d.Length, context, stride)
            .Select(w => w with { ShowsLast = edited && d.Length <= context }))];
        if (windows.Count == 0)
            throw new UserException(
                "no text has two tokens, so there is nothing to predict; expected a longer text");
        long total = windows.Sum(w => (long)w.Length - w.FirstCounted);
        int rows = (int)Math.Clamp(MostLogits / ((long)context * config.VocabSize), 1, MostRows);
        Passes passes = open(rows, windows.Max(w => w.Length + (w.ShowsLast ? 1 : 0)));
        try
        {
            return Score(documents.Count, windows, total, rows, progress, passes);
        }
        finally
        {
            passes.Close();
        }
    }

    static TextScore Score(int documents, List<Window> windows, long total, int rows,
        Action<long, long>? progress, Passes passes)
    {
        double sum = 0, perplexities = 0;
        long right = 0, done = 0;
        foreach (Window[] chunk in windows.Chunk(rows))
        {
            (float[] losses, int[] best, int[] targets, int T) = passes.Run(chunk);
            for (int b = 0; b < chunk.Length; b++)
            {
                double window = 0;
                for (int t = chunk[b].FirstCounted; t < chunk[b].Length; t++)
                {
                    window += losses[b * T + t];
                    right += best[b * T + t] == targets[b * T + t] ? 1 : 0;
                }
                int counted = chunk[b].Length - chunk[b].FirstCounted;
                sum += window;
                perplexities += Math.Exp(window / counted);
                done += counted;
            }
            progress?.Invoke(done, total);
        }
        return new TextScore(documents, windows.Count, total, sum / total, perplexities / windows.Count,
            (double)right / total);
    }

    static (float[] Losses, int[] Best, int[] Targets, int T) Pass(
        ModelSession session, TensorArena arena, IReadOnlyList<int[]> documents, Window[] windows)
    {
        arena.Reset();
        (SequenceBatch batch, int[] targets) = Batch(documents, windows);
        int rows = targets.Length;
        session.Forward(batch);
        Tensor logits = session.Logits.Reshape(rows, session.Model.Config.VocabSize);
        Tensor losses = arena.Cut("losses", rows);
        IndexTensor best = arena.CutIndices("most probable tokens", rows);
        session.Model.Ops.CrossEntropy(logits, arena.UploadIndices("targets", targets, rows),
            losses, null, 0f);
        session.Model.Ops.ArgMax(logits, best);
        return (losses.ToArray(), best.ToArray(), targets, batch.T);
    }

    static (SequenceBatch Batch, int[] Targets) Batch(IReadOnlyList<int[]> documents, Window[] windows)
    {
        var batch = new SequenceBatch([.. windows.Select(w =>
            (IReadOnlyList<int>)new ArraySegment<int>(
                documents[w.Document], w.Start, w.Length + (w.ShowsLast ? 1 : 0)))]);
        int[] targets = new int[batch.B * batch.T];
        Array.Fill(targets, -1);
        for (int b = 0; b < windows.Length; b++)
            documents[windows[b].Document].AsSpan(windows[b].Start + 1, windows[b].Length)
                .CopyTo(targets.AsSpan(b * batch.T));
        return (batch, targets);
    }

    static IEnumerable<Window> Windows(int document, int length, int context, int stride)
    {
        int inputs = length - 1, counted = 0;
        for (int start = 0; counted < inputs; start += stride)
        {
            int end = Math.Min(start + context, inputs);
            yield return new Window(document, start, end - start, counted - start, false);
            counted = end;
        }
    }

    // Of every document: the last token of a text is a target only, and no pass would look at it.
    static void RequireIds(IReadOnlyList<int[]> documents, int V)
    {
        for (int d = 0; d < documents.Count; d++)
            foreach (int token in documents[d])
                if ((uint)token >= (uint)V)
                    throw new UserException($"{(documents.Count == 1 ? "the text" : $"text {d
                        + 1}")} has token "
                        + $"id {token}; the model's vocabulary is 0 to {V - 1}");
    }

    static void Require(ModelConfig config, int context, int stride)
    {
        if (context < 1 || context > config.ContextLength)
            throw new UserException(
                $"a context of {context} tokens; expected 1 to {config.ContextLength}, the model's");
        if (stride < 1 || stride > context)
            throw new UserException($"a stride of {stride} tokens; expected 1 to {context}, the context");
    }
}
