using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Lens;

/// <summary>Layers, heads and number of tokens to read from a lens.</summary>
/// <param name="Layers">Layers to read; the lens must have them.</param>
/// <param name="Heads">Heads to read in each layer; empty for a lens that reads no heads.</param>
/// <param name="Top">Number of tokens to list; 1 to V.</param>
/// <param name="WithBaseline">Whether the untrained lens is also read.</param>
public sealed record LensRequest(
    IReadOnlyList<int> Layers, IReadOnlyList<int> Heads, int Top, bool WithBaseline = true)
{
    /// <summary>
    /// [n]: the token at each position whose <see cref="LensWords.CenteredLogit"/> is read; null for the
    /// model's own most probable ones.
    /// </summary>
    public IReadOnlyList<int>? Favoured { get; init; }

    /// <summary>
    /// Whether the distribution of a lens that reads the stream is also measured at each position.
    /// </summary>
    public bool WithStream { get; init; }
}

/// <summary>
/// Readings of a lens at positions of texts, with the model's own next tokens and the untrained lens for
/// comparison.
/// </summary>
/// <param name="Model">[n][top]: the model's own most probable next tokens.</param>
/// <param name="Learned">[layers]: readings of the lens.</param>
/// <param name="Baseline">[layers]: readings of <see cref="LensSource.Baseline"/>; empty if not
/// requested.</param>
public sealed record LensReadings(IReadOnlyList<IReadOnlyList<ModelToken>> Model,
    IReadOnlyList<LayerReading> Learned, IReadOnlyList<LayerReading> Baseline)
{
    const int RowsInPass = 16;

    /// <summary>
    /// [layers][n]: the stream read by the lens, beside the model's own distribution; empty for a lens that
    /// does not read it, or if not requested.
    /// </summary>
    public IReadOnlyList<IReadOnlyList<StreamReading>> Stream { get; init; } = [];

    /// <summary>
    /// Finds the head whose lens favours the model's own next token most at a position
    /// (<see cref="LensWords.CenteredLogit"/>); ties go to the lower layer, then the lower head.
    /// </summary>
    /// <param name="position">Index of the position among those that were read, from 0.</param>
    public (int Layer, int Head, LensWords Words) MostInFavour(int position)
        => Learned.SelectMany(l => l.Heads.Select(h => (l.Layer, h.Head, Words: h.Words[position])))
            .MaxBy(h => h.Words.CenteredLogit);

    /// <summary>Reads a lens at positions of one prompt.</summary>
    /// <param name="model">Model that runs the prompts.</param>
    /// <param name="source">Source of the model's lens.</param>
    /// <param name="request">Layers, heads and number of tokens.</param>
    /// <param name="prompt">Token ids; they include BOS if it is wanted.</param>
    /// <param name="positions">Positions in the prompt, from 0.</param>
    /// <param name="progress">Callback that gets the share done, 0 to 1.</param>
    /// <exception cref="UserException">The prompt does not fit the model, or the lens does not fit the
    /// device.</exception>
    public static LensReadings OfPrompt(LanguageModel model, LensSource source, LensRequest request,
        IReadOnlyList<int> prompt, IReadOnlyList<int> positions, Action<double>? progress = null)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(positions);
        using LensActivations at = Room(
            model, [source], request, 1, Math.Max(1, prompt.Count), positions.Count);
        at.Add(new SequenceBatch([prompt]), [.. positions]);
        return Of(model, source, request, at, progress);
    }

    /// <summary>Reads a lens at the last position of each prompt.</summary>
    /// <param name="model">Model that runs the prompts.</param>
    /// <param name="source">Source of the model's lens.</param>
    /// <param name="request">Layers, heads and number of tokens.</param>
    /// <param name="prompts">Token ids per prompt; they include BOS if it is wanted.</param>
    /// <param name="progress">Callback that gets the share done, 0 to 1.</param>
    /// <exception cref="UserException">A prompt does not fit the model, or the lens does not fit the
    /// device.</exception>
    public static LensReadings OfLastTokens(LanguageModel model, LensSource source, LensRequest request,
        IReadOnlyList<IReadOnlyList<int>> prompts, Action<double>? progress = null)
        => OfLastTokens(model, [source], request, prompts, progress)[0];

    /// <summary>Reads several lenses at the last position of each prompt; the prompts run once.</summary>
    /// <param name="model">Model that runs the prompts.</param>
    /// <param name="sources">Sources of the model's lenses.</param>
    /// <param name="request">Layers, heads and number of tokens.</param>
    /// <param name="prompts">Token ids per prompt; they include BOS if it is wanted.</param>
    /// <param name="progress">Callback that gets the share done, 0 to 1.</param>
    /// <returns>One reading per lens, with the bits of a call for it alone.</returns>
    /// <exception cref="UserException">A prompt does not fit the model, or a lens does not fit the
    /// device.</exception>
    public static IReadOnlyList<LensReadings> OfLastTokens(LanguageModel model,
        IReadOnlyList<LensSource> sources, LensRequest request, IReadOnlyList<IReadOnlyList<int>> prompts,
        Action<double>? progress = null)
    {
        ArgumentNullException.ThrowIfNull(sources);
        ArgumentNullException.ThrowIfNull(prompts);
        int longest = prompts.Max(p => p.Count);
        using LensActivations at = Room(model, sources, request,
            Math.Min(RowsInPass, prompts.Count), Math.Max(1, longest), prompts.Count);
        foreach (IReadOnlyList<int>[] some in prompts.Chunk(RowsInPass))
        {
            var rows = new SequenceBatch(some);
            at.Add(rows, [.. rows.Lengths.Select((length, b) => b * rows.T + length - 1)]);
        }
        return [.. sources.Select((source, i) => Of(model, source, request, at,
            progress is null ? null : share => progress((i + share) / sources.Count)))];
    }

    static LensActivations Room(LanguageModel model, IReadOnlyList<LensSource> sources, LensRequest request,
        int rows, int tokens, int positions)
    {
        ArgumentNullException.ThrowIfNull(request);
        return new LensActivations(model, request.Layers,
            [.. sources.SelectMany(s => (LensKind[])[s.Options.Kind, s.Baseline.Kind]).Distinct()],
            rows, tokens, positions);
    }

    static LensReadings Of(LanguageModel model, LensSource source, LensRequest request, LensActivations at,
        Action<double>? progress)
    {
        IReadOnlyList<IReadOnlyList<ModelToken>> own = LensReader.Model(model, at, request.Top);
        IReadOnlyList<int> favoured = request.Favoured ?? [.. own.Select(words => words[0].Id)];
        int positions = LensReader.PositionsAtOnce(model.Config);
        IReadOnlyList<LayerReading> Read(LensSet lens) => [.. lens.Layers
            .Select(layer => LensReader.Layer(lens[layer], at, request.Heads, favoured, request.Top))];
        var learned = new List<LayerReading>();
        var stream = new List<IReadOnlyList<StreamReading>>();
        foreach (int layer in request.Layers) // one by one: a head lens of GPT-2 small has 1.9 GB per layer
        {
            using LensSet lens = source.Load(model, [layer], positions);
            learned.AddRange(Read(lens));
            if (request.WithStream && source.ReadsStream)
                stream.Add(LensReader.Stream(lens[layer], at, request.Top));
            progress?.Invoke((double)learned.Count / request.Layers.Count);
        }
        if (!request.WithBaseline)
            return new(own, learned, []) { Stream = stream };
        if (source.IsBaseline)
            return new(own, learned, learned);
        using LensSet untrained =
            LensSet.Initial(model, source.Baseline, request.Layers, positions);
        return new(own, learned, Read(untrained)) { Stream = stream };
    }
}
