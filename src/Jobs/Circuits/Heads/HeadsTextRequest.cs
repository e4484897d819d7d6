using HeadTap.Circuits;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>The windows that heads are looked at in: of a text, of a batch of rows, or random tokens said
/// twice.</summary>
public sealed record HeadsTextRequest
{
    const int LongestUnlessSaid = 512;
    const int SequencesUnlessSaid = 16;

    /// <summary>The text, or rows of ids.</summary>
    public TextOrBatchRequest Text { get; init; } = new();

    /// <summary>Number of random tokens that are said twice in each window; null for a text.</summary>
    public int? RandomTokens { get; init; }

    /// <summary>Number of windows of random tokens; null for 16.</summary>
    public int? Sequences { get; init; }

    /// <summary>
    /// Tokens of a window of a text, the begin-of-text token among them; 0 for 512, or the model's context
    /// where that is shorter. A row of a batch is one window.
    /// </summary>
    public int Context { get; init; }

    /// <summary>Reads the text as far as it must be to know the windows; no weight is read.</summary>
    /// <param name="folder">Folder of the model.</param>
    /// <param name="config">Its config.</param>
    /// <param name="context">Gets remarks; has the seed of random tokens.</param>
    /// <exception cref="UserException">None or several of the three are given, a file cannot be read, or
    /// there is no window of two tokens.</exception>
    internal HeadsText Read(string folder, ModelConfig config, JobContext context)
    {
        if (RandomTokens is null)
            return OfText(folder, config, context);
        if (Text.IsGiven)
            throw new UserException($"{Field.Of(nameof(RandomTokens))} and a text; expected one of them");
        if (Context != 0)
            throw new UserException($"{Field.Of(nameof(Context))} says nothing with "
                + $"{Field.Of(nameof(RandomTokens))}; leave it out");
        Text.Rules.RequireObeyed((string?)null, nameof(Text.TextFile));
        ModelText text = ModelText.Open(folder, config, Text.Rules, context);
        IReadOnlyList<int[]> windows = RepeatedTokens.Draw(config, RandomTokens.Value,
            Sequences ?? SequencesUnlessSaid, text.Bos, text.Tokenizer?.VocabSize ?? config.VocabSize,
            context.Seed);
        text.RemarkWithout(windows);
        return new(windows, windows.Count, windows[0].Length, text.Tokenizer, text.Bos,
            $"{RandomTokens} random tokens, said twice", null);
    }

    HeadsText OfText(string folder, ModelConfig config, JobContext context)
    {
        if (Sequences is not null)
            throw new UserException($"{Field.Of(nameof(Sequences))} says nothing without "
                + $"{Field.Of(nameof(RandomTokens))}; leave it out");
        if (!Text.IsGiven)
            throw new UserException($"no text; expected {Field.Of(nameof(Text.TextFile))}, "
                + $"{Field.Of(nameof(Text.Batch))} or {Field.Of(nameof(RandomTokens))}");
        Text.Require();
        if (Context != 0 && (Context < 2 || Context > config.ContextLength))
            throw new UserException($"{Field.Of(nameof(Context))} is {Context}; expected 2 to "
                + $"{config.ContextLength}, the model's, or 0");
        if (Context != 0 && Text.Batch is not null)
            throw new UserException($"{Field.Of(nameof(Context))} cuts a text; a row of "
                + $"{Field.Of(nameof(Text.Batch))} is one window: leave it out");
        ModelText text = ModelText.Open(folder, config, Text.Rules, context);
        string file = Text.TextFile ?? Text.Batch!;
        DocumentSource source = Text.TextFile is not null ? text.Source([file])
            : DocumentSource.FromIds(Rows(text), Quoted.Path(file));
        int longest = Text.Batch is not null ? config.ContextLength
            : Context != 0 ? Context : Math.Min(LongestUnlessSaid, config.ContextLength);
        IEnumerable<int[]> windows = Windows(source, config.VocabSize, longest, text.Bos);
        text.RemarkWithout(Enumerable.Range(0, source.Count).Select(d => source.Read(d).ToArray()));
        (int count, int most) = (0, 0);
        foreach (int[] window in windows)
        {
            (count, most) = (checked(count + 1), Math.Max(most, window.Length));
            context.Cancel.ThrowIfCancellationRequested();
        }
        return count > 0 ? new(windows, count, most, text.Tokenizer, text.Bos, Path.GetFileName(file),
            source.Hash) : throw new UserException($"{Quoted.Path(file)}: no text has two tokens, and a head "
            + "needs one that looks and one before it; expected a longer text");
    }

    IReadOnlyList<int[]> Rows(ModelText text)
    {
        IReadOnlyList<int[]> rows = text.Batch(Text.Batch!);
        text.RequireFit(Text.Batch!, [.. rows.Select(text.Row)]);
        return rows;
    }

    // Cuts each document; every window begins with the begin-of-text token where there is one.
    static IEnumerable<int[]> Windows(DocumentSource source, int V, int longest, int? bos)
    {
        for (int d = 0; d < source.Count; d++)
        {
            ReadOnlyMemory<int> ids = source.Read(d, V);
            if (bos is { } begin && ids.Span[0] == begin)
                ids = ids[1..];
            int step = longest - (bos is null ? 0 : 1);
            for (int first = 0; first < ids.Length; first += step)
            {
                int[] window = BeginOfText.Before(
                    ids.Slice(first, Math.Min(step, ids.Length - first)).Span, bos);
                if (window.Length > 1)
                    yield return window;
            }
        }
    }
}

/// <summary>Windows to look at heads in.</summary>
/// <param name="Windows">Token ids of each window, at least two; read anew whenever they are asked
/// for.</param>
/// <param name="Count">Number of windows.</param>
/// <param name="MaxTokens">Tokens of the longest.</param>
/// <param name="Tokenizer">Tokenizer; null if the model has none.</param>
/// <param name="Bos">Token id before each window; null for none.</param>
/// <param name="Name">What they are, in a few words.</param>
/// <param name="Hash">Hash of the text; null for random tokens.</param>
sealed record HeadsText(IEnumerable<int[]> Windows, int Count, int MaxTokens, ByteBpeTokenizer? Tokenizer,
    int? Bos, string Name, string? Hash);
