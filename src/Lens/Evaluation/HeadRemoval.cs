using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Lens;

/// <summary>The place of a head in a model; layer and head count from 0.</summary>
public readonly record struct HeadPlace(int Layer, int Head);

/// <summary>Options of <see cref="HeadRemoval"/>.</summary>
public sealed record HeadRemovalOptions
{
    /// <summary>
    /// Whether a removed head's results become their mean over the prompt's positions; false sets them to
    /// zero.
    /// </summary>
    public bool ToMean { get; init; }

    /// <summary>Rows of a pass; 0 for as many as are worth it.</summary>
    public int Rows { get; init; }

    /// <summary>Whether only the last position of a prompt is looked at, which needs less memory.</summary>
    public bool LastOnly { get; init; } = true;
}

/// <summary>
/// Removes single heads of a model and measures log p of tokens. A removed head's results become zero, or
/// their mean over the prompt, at every position of the prompt.
/// </summary>
/// <remarks>
/// Each row of a pass has its own head removed. On the host a change has the same bits for any number of
/// rows, because the rows of a pass are heads of one layer: a layer whose results are edited adds them head
/// by head in every row.
/// </remarks>
public sealed class HeadRemoval : IDisposable
{
    const int TokensInPass = 1024; // more rows a pass are not faster on a host
    const int LogitsInPass = 1 << 24; // 64 MiB of floats, and as many on the host

    readonly LanguageModel _model;
    readonly HeadRemovalOptions _options;
    readonly ModelSession _session;
    readonly int _rows;

    /// <summary>Allocates a session.</summary>
    /// <param name="model">The model; attached edits apply with every head and without any.</param>
    /// <param name="maxTokens">Tokens of the longest prompt.</param>
    /// <param name="options">Kind of removal, rows and positions.</param>
    /// <exception cref="UserException">The prompts do not fit the model or the device.</exception>
    public HeadRemoval(LanguageModel model, int maxTokens, HeadRemovalOptions options)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(options);
        (_model, _options) = (model, options);
        long logits = (long)model.Config.VocabSize * (options.LastOnly ? 1 : maxTokens);
        _rows = options.Rows > 0 ? options.Rows : (int)Math.Clamp(
            Math.Min(TokensInPass / Math.Max(1, maxTokens), LogitsInPass / logits), 1, model.Config.Heads);
        _session = new ModelSession(model, new SessionOptions
        {
            MaxRows = _rows, MaxTokens = maxTokens, Logits = At,
        });
    }

    LogitsAt At => _options.LastOnly ? LogitsAt.Last : LogitsAt.All;

    /// <summary>Returns log p of a token behind the last position of each prompt.</summary>
    /// <param name="prompts">Token ids of each prompt.</param>
    /// <param name="tokens">[prompts]: the token of each.</param>
    /// <param name="removed">[prompts]: the head that each prompt runs without; null for the whole
    /// model.</param>
    /// <returns>[prompts], nats.</returns>
    public double[] LogP(IReadOnlyList<IReadOnlyList<int>> prompts, IReadOnlyList<int> tokens,
        IReadOnlyList<HeadPlace>? removed)
    {
        ArgumentNullException.ThrowIfNull(prompts);
        ArgumentNullException.ThrowIfNull(tokens);
        var found = new List<double>(prompts.Count);
        foreach (IReadOnlyList<int>[] rows in prompts.Chunk(_rows))
        {
            int first = found.Count;
            using (_model.Attach(removed is null ? [] : rows.Select((_, b) => Remove(removed[first + b], b))))
                _session.Forward(new SequenceBatch(rows));
            float[] logits = _session.Logits.ToArray();
            for (int b = 0; b < rows.Length; b++)
            {
                int last = _options.LastOnly ? b : b * rows.Max(r => r.Count) + rows[b].Count - 1;
                found.Add(LogP(logits, last, tokens[first + b]));
            }
        }
        return [.. found];
    }

    /// <summary>
    /// Returns how log p of tokens at positions of one prompt changes without each head. What lies below a
    /// head's layer is computed once: the heads of a layer are rows of passes that are resumed there. With
    /// edits attached each head has a whole pass, because an edit may belong to one row or to a layer below.
    /// </summary>
    /// <param name="prompt">Token ids.</param>
    /// <param name="positions">Positions, from 0; the last alone if that is all that is looked at.</param>
    /// <param name="tokens">[positions]: the token whose log p is measured at each.</param>
    /// <param name="heads">Heads to remove.</param>
    /// <param name="progress">Told the share that is done; may cancel by an exception.</param>
    /// <returns>[heads][positions]: log p without the head minus log p with it, nats.</returns>
    public double[][] Changes(IReadOnlyList<int> prompt, IReadOnlyList<int> positions,
        IReadOnlyList<int> tokens, IReadOnlyList<HeadPlace> heads, Action<double>? progress = null)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        ArgumentNullException.ThrowIfNull(positions);
        ArgumentNullException.ThrowIfNull(tokens);
        ArgumentNullException.ThrowIfNull(heads);
        if (positions.Count != tokens.Count
            || (_options.LastOnly && positions.Any(p => p != prompt.Count - 1)))
            throw new ArgumentException(
                $"{positions.Count} positions and {tokens.Count} tokens, or one before the last.");
        bool edited = _model.Edits.Count > 0;
        (double[] before, float[][] streams) = Whole(prompt, positions, tokens);
        var changes = new double[heads.Count][];
        int done = 0;
        foreach (IGrouping<int, (int Index, HeadPlace Head)> layer in heads.Index()
            .GroupBy(h => h.Item.Layer))
            foreach ((int Index, HeadPlace Head)[] rows in layer.Chunk(edited ? 1 : _rows))
            {
                progress?.Invoke((double)done / heads.Count);
                var batch = new SequenceBatch([.. rows.Select(_ => prompt)]);
                using (_model.Attach(rows.Select((row, b) => Remove(row.Head, b))))
                    if (edited)
                        _session.Forward(batch);
                    else
                        _session.ForwardFrom(batch, new ResumePoint(layer.Key, streams[layer.Key]));
                float[] logits = _session.Logits.ToArray();
                for (int b = 0; b < rows.Length; b++)
                    changes[rows[b].Index] = [.. LogP(logits, b, prompt.Count, positions, tokens)
                        .Zip(before, (after, was) => after - was)];
                done += rows.Length;
            }
        return changes;
    }

    /// <inheritdoc/>
    public void Dispose() => _session.Dispose();

    // log p of the tokens with no head removed, and the stream before each layer.
    (double[] LogP, float[][] Streams) Whole(
        IReadOnlyList<int> prompt, IReadOnlyList<int> positions, IReadOnlyList<int> tokens)
    {
        Site[] streams = [.. Enumerable.Range(0, _model.Config.Layers)
            .Select(l => new Site(SiteKind.ResidPre, l))];
        using var whole = new ModelSession(_model, new SessionOptions
        {
            MaxTokens = Math.Max(1, prompt.Count), Logits = At, Record = streams,
        });
        whole.Forward(new SequenceBatch([prompt]));
        return (LogP(whole.Logits.ToArray(), 0, prompt.Count, positions, tokens),
            [.. streams.Select(site => whole.Recordings[site].ToArray())]);
    }

    double[] LogP(
        float[] logits, int row, int length, IReadOnlyList<int> positions, IReadOnlyList<int> tokens)
        => [.. positions.Select((position, i)
            => LogP(logits, _options.LastOnly ? row : row * length + position, tokens[i]))];

    double LogP(float[] logits, int row, int token)
    {
        int V = _model.Config.VocabSize;
        ReadOnlySpan<float> values = logits.AsSpan(row * V, V);
        return values[token] - LogSumExp.Of(values);
    }

    Edit Remove(HeadPlace head, int row) => new()
    {
        Site = Site.Result(head.Layer),
        Operation = _options.ToMean ? EditOperation.Mean : EditOperation.Zero,
        Head = head.Head, Rows = [row],
    };
}
