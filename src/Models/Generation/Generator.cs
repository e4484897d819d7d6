using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>
/// Continues prompts token by token over a key/value cache. Rows may be of unequal length; sites and edits
/// work in every pass. Edited scores or patterns need all keys at once, so with such edits each pass runs the
/// whole text.
/// </summary>
public sealed class Generator(LanguageModel model)
{
    /// <summary>The tokens added to each prompt.</summary>
    /// <exception cref="UserException">A prompt is empty, holds an unknown token or leaves no room in the
    /// context.</exception>
    public IReadOnlyList<int[]> Generate(SequenceBatch prompts, GenerationOptions options)
    {
        ArgumentNullException.ThrowIfNull(prompts);
        ArgumentNullException.ThrowIfNull(options);
        Require(model.Config, prompts, options);
        int longest = prompts.Lengths.Max();
        var texts = new GeneratedTexts(model, prompts, options);
        bool patterns = model.Edits.Any(e => e.Site.In(model.Config)
            .Any(s => s.Kind is SiteKind.Scores or SiteKind.Pattern));
        if (patterns)
            RunWhole(texts, options, longest + options.MaxNewTokens, prompts.Lengths);
        else
            RunCached(prompts, texts, options, longest + options.MaxNewTokens);
        return texts.Added;
    }

    /// <summary>Checks what is asked for against a model's sizes.</summary>
    internal static void Require(ModelConfig config, SequenceBatch prompts, GenerationOptions options)
    {
        prompts.Validate(config);
        if (options.MaxNewTokens < 1)
            throw new UserException($"{options.MaxNewTokens} new tokens asked for; expected at least 1");
        if (options.NeverWritten is { } never && (never < 0 || never >= config.VocabSize))
            throw new UserException($"token {never} is never to be written; the model's vocabulary is 0 to "
                + $"{config.VocabSize - 1}");
        int longest = prompts.Lengths.Max();
        if (options.MaxNewTokens > config.ContextLength - longest)
            throw new UserException(
                $"a prompt of {Counted.Of(longest, "token")} and {options.MaxNewTokens} new ones pass the "
                + $"model's context of {config.ContextLength}");
    }

    void RunWhole(GeneratedTexts texts, GenerationOptions options, int capacity, int[] prompts)
    {
        using var session = new ModelSession(model, new SessionOptions
        {
            MaxRows = texts.B, MaxTokens = capacity, Logits = LogitsAt.Last, Record = options.Record,
        });
        for (int step = 0; step < options.MaxNewTokens && !texts.Ended; step++)
        {
            session.ForwardStep(texts.Run(), step, prompts);
            texts.Choose(step, session.Logits, session.Recordings);
        }
    }

    void RunCached(SequenceBatch prompts, GeneratedTexts texts, GenerationOptions options, int capacity)
    {
        using var stream = new CachedStream(model, prompts.B, capacity, options.Record);
        for (int step = 0; step < options.MaxNewTokens && !texts.Ended; step++)
        {
            (Tensor logits, IReadOnlyDictionary<Site, Recording> recordings) = step == 0
                ? stream.First(prompts) : stream.Next(texts, step, prompts.Lengths);
            texts.Choose(step, logits, recordings);
        }
    }
}

/// <summary>The texts as they grow.</summary>
sealed class GeneratedTexts
{
    readonly GenerationOptions _options;
    readonly Sampler _sampler;
    readonly SeededRandom[] _random;
    readonly bool[] _ended;
    readonly List<int>[] _rows;
    readonly List<int>[] _added;
    readonly float[] _logits;

    internal GeneratedTexts(LanguageModel model, SequenceBatch prompts, GenerationOptions options)
    {
        (_options, B) = (options, prompts.B);
        _sampler = new Sampler(options.Sampling);
        _random = [.. Enumerable.Range(0, B).Select(b => new SeededRandom(options.Seed, (ulong)b))];
        _ended = new bool[B];
        _rows = [.. Enumerable.Range(0, B).Select(b => prompts.Row(b).ToArray().ToList())];
        _added = [.. Enumerable.Range(0, B).Select(_ => new List<int>())];
        _logits = new float[(long)B * model.Config.VocabSize];
    }

    internal int B { get; }

    internal bool Ended => _ended.All(e => e);

    /// <summary>Every token that a cached generation has run by now: not the one that ended a row.</summary>
    internal SequenceBatch Run() => new([.. _rows.Select((r, b) => _ended[b] ? r[..^1] : r)]);

    internal IReadOnlyList<int[]> Added => [.. _added.Select(a => a.ToArray())];

    /// <summary>[B]; -1 for a row that has ended.</summary>
    internal int[] LastTokens => [.. _rows.Select((r, b) => _ended[b] ? -1 : r[^1])];

    /// <summary>[B]; 0 for a row that has ended.</summary>
    internal int[] Lengths => [.. _rows.Select((r, b) => _ended[b] ? 0 : r.Count)];

    /// <summary>Refuses logits of a row that goes on.</summary>
    /// <exception cref="UserException">One is not finite.</exception>
    internal void RequireFinite(
        LanguageModel model, Tensor logits, SequenceBatch run, int step, int[] prompts)
    {
        if (!model.RequiresFinite || model.Ops.FirstNonfinite(logits) < 0)
            return;
        logits.Download(_logits);
        int V = logits.Columns;
        for (int b = 0; b < B; b++)
            if (!_ended[b] && !FiniteNumbers.All(_logits.AsSpan(b * V, V)))
                throw NonfinitePass.Explain(model, run, step, prompts);
    }

    internal void Choose(int step, Tensor logits, IReadOnlyDictionary<Site, Recording> recordings)
    {
        logits.Download(_logits);
        int V = logits.Columns;
        int[] chosen = new int[B];
        for (int b = 0; b < B; b++)
        {
            if (_options.NeverWritten is { } never)
                _logits[b * V + never] = float.NegativeInfinity;
            chosen[b] = _ended[b] ? -1 : _sampler.Next(_logits.AsSpan(b * V, V), _random[b]);
            if (_ended[b])
                continue;
            _rows[b].Add(chosen[b]);
            _added[b].Add(chosen[b]);
            _ended[b] = chosen[b] == _options.StopToken;
        }
        _options.OnStep?.Invoke(new GenerationStep(step, logits, chosen, recordings));
    }
}
