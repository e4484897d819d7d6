using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>
/// The windows over documents in which every token but a document's first is predicted once, in the order and
/// the batches in which passes take them.
/// </summary>
/// <remarks>
/// A window sees up to <c>context</c> tokens and predicts the token after each. With a stride below the
/// context windows overlap and only tokens no earlier window predicted are counted. While edits are in force,
/// a document that fits the context is one row with its last token, so that positions count as in every other
/// pass; it changes no loss, because no token sees a later one.
/// </remarks>
sealed class TextWindows
{
    // Logits of a pass: 128 MiB at most, and one row at least.
    const long MostLogits = 1 << 25;
    const int MostRows = 16;

    readonly IReadOnlyList<int[]> _documents;
    readonly IReadOnlyList<Batch> _batches;

    /// <summary>Tokens that predict, from the first counted one to the last; and one more that only edits
    /// see.</summary>
    internal readonly record struct Window(
        int Document, int Start, int Length, int FirstCounted, bool ShowsLast)
    {
        /// <summary>Tokens that it predicts.</summary>
        internal int Counted => Length - FirstCounted;
    }

    /// <summary>A batch of windows.</summary>
    /// <param name="Rows">The tokens that the passes see.</param>
    /// <param name="Targets">[B T]: the next token where it is counted, else -1.</param>
    /// <param name="Windows">[B]</param>
    internal readonly record struct Batch(SequenceBatch Rows, int[] Targets, Window[] Windows);

    /// <summary>Cuts documents into windows.</summary>
    /// <exception cref="UserException">A number is out of range, a token is, or there is nothing to
    /// predict.</exception>
    internal TextWindows(
        ModelConfig config, bool edited, IReadOnlyList<int[]> documents, int context, int stride)
    {
        ArgumentNullException.ThrowIfNull(documents);
        Require(config, context, stride);
        RequireIds(documents, config.VocabSize);
        _documents = documents;
        All = [.. documents.SelectMany((d, i) => Of(i, d.Length, context, stride)
            .Select(w => w with { ShowsLast = edited && d.Length <= context }))];
        if (All.Count == 0)
            throw new UserException(
                "no text has two tokens, so there is nothing to predict; expected a longer text");
        Tokens = All.Sum(w => (long)w.Counted);
        Longest = All.Max(w => w.Length + (w.ShowsLast ? 1 : 0));
        RowsOfPass = (int)Math.Clamp(MostLogits / ((long)context * config.VocabSize), 1, MostRows);
        _batches = Batches(RowsOfPass);
    }

    /// <summary>Every window, by document.</summary>
    internal IReadOnlyList<Window> All { get; }

    /// <summary>Tokens that are predicted.</summary>
    internal long Tokens { get; }

    /// <summary>Tokens of the longest row.</summary>
    internal int Longest { get; }

    /// <summary>Rows of the largest batch that <see cref="Score"/> passes on.</summary>
    internal int RowsOfPass { get; }

    /// <summary>Adds up what passes over all windows give.</summary>
    /// <param name="pass">Losses and most probable tokens of a batch, [B T] each.</param>
    /// <param name="progress">Told the tokens predicted so far and in all.</param>
    internal TextScore Score(
        Func<Batch, (float[] Losses, int[] Best)> pass, Action<long, long>? progress)
    {
        double sum = 0, perplexities = 0;
        long right = 0, done = 0;
        foreach (Batch batch in _batches)
        {
            (float[] losses, int[] best) = pass(batch);
            for (int b = 0; b < batch.Windows.Length; b++)
            {
                double window = 0;
                for (int t = batch.Windows[b].FirstCounted; t < batch.Windows[b].Length; t++)
                {
                    int at = b * batch.Rows.T + t;
                    window += losses[at];
                    right += best[at] == batch.Targets[at] ? 1 : 0;
                }
                sum += window;
                perplexities += Math.Exp(window / batch.Windows[b].Counted);
                done += batch.Windows[b].Counted;
            }
            progress?.Invoke(done, Tokens);
        }
        return new TextScore(_documents.Count, All.Count, Tokens, sum / Tokens, perplexities / All.Count,
            (double)right / Tokens);
    }

    /// <summary>All windows in batches of at most <paramref name="rows"/>.</summary>
    internal IReadOnlyList<Batch> Batches(int rows) => [.. All.Chunk(rows).Select(Of)];

    Batch Of(Window[] windows)
    {
        var batch = new SequenceBatch([.. windows.Select(w => (IReadOnlyList<int>)new ArraySegment<int>(
            _documents[w.Document], w.Start, w.Length + (w.ShowsLast ? 1 : 0)))]);
        int[] targets = new int[batch.B * batch.T];
        Array.Fill(targets, -1);
        for (int b = 0; b < windows.Length; b++)
            _documents[windows[b].Document]
                .AsSpan(windows[b].Start + windows[b].FirstCounted + 1, windows[b].Counted)
                .CopyTo(targets.AsSpan(b * batch.T + windows[b].FirstCounted));
        return new(batch, targets, windows);
    }

    static IEnumerable<Window> Of(int document, int length, int context, int stride)
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
