using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Lens;

/// <summary>What is read of a lens.</summary>
/// <param name="Layers">Layers that the lens has.</param>
/// <param name="Heads">Heads of each; none for a lens that reads no heads.</param>
/// <param name="Top">Tokens to list, 1 to V.</param>
/// <param name="WithBaseline">Whether the untrained lens is read too.</param>
public sealed record LensRequest(
    IReadOnlyList<int> Layers, IReadOnlyList<int> Heads, int Top, bool WithBaseline = true);

/// <summary>
/// Positions of texts read through a lens, beside the untrained lens and the model's own next token.
/// </summary>
/// <param name="Model">[n][top]: what the model itself expects.</param>
/// <param name="Learned">[layers]: the lens.</param>
/// <param name="Baseline">[layers]: <see cref="LensSource.Baseline"/>; empty where not asked for.</param>
public sealed record LensReadings(IReadOnlyList<IReadOnlyList<ModelToken>> Model,
    IReadOnlyList<LayerReading> Learned, IReadOnlyList<LayerReading> Baseline)
{
    const int RowsInPass = 16;

    /// <summary>
    /// The head whose lens favours the model's own next token most at a position
    /// (<see cref="LensWords.CenteredLogit"/>); of equals the lower layer and head.
    /// </summary>
    /// <param name="position">The position's place among those that were read.</param>
    public (int Layer, int Head, LensWords Words) MostInFavour(int position)
        => Learned.SelectMany(l => l.Heads.Select(h => (l.Layer, h.Head, Words: h.Words[position])))
            .MaxBy(h => h.Words.CenteredLogit);

    /// <summary>Reads positions of one prompt.</summary>
    /// <param name="model">The model.</param>
    /// <param name="source">Its lens.</param>
    /// <param name="request">What to read.</param>
    /// <param name="prompt">Tokens, a BOS included where it is wanted.</param>
    /// <param name="positions">From 0.</param>
    /// <param name="progress">Told the share done.</param>
    /// <exception cref="UserException">The prompt or the lens does not fit.</exception>
    public static LensReadings OfPrompt(LanguageModel model, LensSource source, LensRequest request,
        IReadOnlyList<int> prompt, IReadOnlyList<int> positions, Action<double>? progress = null)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        ArgumentNullException.ThrowIfNull(positions);
        using LensActivations at = Room(
            model, source, request, 1, Math.Max(1, prompt.Count), positions.Count);
        at.Add(new SequenceBatch([prompt]), [.. positions]);
        return Of(model, source, request, at, progress);
    }

    /// <summary>Reads the last positions of prompts.</summary>
    /// <param name="model">The model.</param>
    /// <param name="source">Its lens.</param>
    /// <param name="request">What to read.</param>
    /// <param name="prompts">Tokens, a BOS included where it is wanted.</param>
    /// <param name="progress">Told the share done.</param>
    /// <exception cref="UserException">A prompt or the lens does not fit.</exception>
    public static LensReadings OfLastTokens(LanguageModel model, LensSource source, LensRequest request,
        IReadOnlyList<IReadOnlyList<int>> prompts, Action<double>? progress = null)
    {
        ArgumentNullException.ThrowIfNull(prompts);
        int longest = prompts.Max(p => p.Count);
        using LensActivations at = Room(model, source, request,
            Math.Min(RowsInPass, prompts.Count), Math.Max(1, longest), prompts.Count);
        foreach (IReadOnlyList<int>[] some in prompts.Chunk(RowsInPass))
        {
            var rows = new SequenceBatch(some);
            at.Add(rows, [.. rows.Lengths.Select((length, b) => b * rows.T + length - 1)]);
        }
        return Of(model, source, request, at, progress);
    }

    static LensActivations Room(LanguageModel model, LensSource source, LensRequest request,
        int rows, int tokens, int positions)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(request);
        return new LensActivations(model, request.Layers, [source.Options.Kind, source.Baseline.Kind],
            rows, tokens, positions);
    }

    static LensReadings Of(LanguageModel model, LensSource source, LensRequest request, LensActivations at,
        Action<double>? progress)
    {
        IReadOnlyList<IReadOnlyList<ModelToken>> own = LensReader.Model(model, at, request.Top);
        int[] first = [.. own.Select(words => words[0].Id)];
        int positions = LensReader.PositionsAtOnce(model.Config);
        IReadOnlyList<LayerReading> Read(LensSet lens) => [.. lens.Layers
            .Select(layer => LensReader.Layer(lens[layer], at, request.Heads, first, request.Top))];
        var learned = new List<LayerReading>();
        foreach (int layer in request.Layers) // one at a time: a head lens of GPT-2 small has 1.9 GB a layer
        {
            using LensSet lens = source.Load(model, [layer], positions);
            learned.AddRange(Read(lens));
            progress?.Invoke((double)learned.Count / request.Layers.Count);
        }
        if (!request.WithBaseline)
            return new(own, learned, []);
        if (source.IsBaseline)
            return new(own, learned, learned);
        using LensSet untrained =
            LensSet.Initial(model, source.Baseline, request.Layers, positions);
        return new(own, learned, Read(untrained));
    }
}
