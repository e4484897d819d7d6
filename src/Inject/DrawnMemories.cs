using HeadTap.Runtime;

namespace HeadTap.Inject;

/// <summary>A cell of a grid with a memory drawn for every pair.</summary>
/// <param name="Layer">From 0.</param>
/// <param name="Tau">The magnitude.</param>
/// <param name="Words">[pairs] what was drawn.</param>
/// <param name="After">[pairs] with it; null where the pair's own memory was drawn.</param>
/// <param name="Gain">The statistics over the pairs.</param>
public sealed record DrawnCell(int Layer, float Tau, IReadOnlyList<string> Words,
    IReadOnlyList<AnswerStanding?> After, GainSummary Gain);

/// <summary>
/// A random word of a category for every pair, layer and magnitude: the authors' second baseline.
/// </summary>
/// <param name="Name">The category; "curated" for the pairs' own memories.</param>
/// <param name="Cells">Layers, then magnitudes.</param>
public sealed record DrawnMemories(string Name, IReadOnlyList<DrawnCell> Cells)
{
    // The pair's place is the rest of the stream's number, so its draws do not depend on other pairs.
    const ulong DrawStream = 1UL << 40;

    /// <summary>Name of the pairs' own memories.</summary>
    public const string Curated = "curated";

    /// <summary>Draws and injects.</summary>
    /// <param name="injections">The model and the pairs.</param>
    /// <param name="before">[pairs] nothing injected.</param>
    /// <param name="category">The words; null for the pairs' own memories.</param>
    /// <param name="layers">From 0.</param>
    /// <param name="taus">Magnitudes.</param>
    /// <param name="options">Encoder and norm; its layer, magnitude and placement are not used.</param>
    /// <param name="seed">Of the draws.</param>
    /// <param name="progress">Told the share done.</param>
    public static DrawnMemories Run(RowInjections injections, IReadOnlyList<AnswerStanding> before,
        MemoryCategory? category, IReadOnlyList<int> layers, IReadOnlyList<float> taus,
        RandomMemoryOptions options, ulong seed, Action<double>? progress = null)
    {
        ArgumentNullException.ThrowIfNull(injections);
        ArgumentNullException.ThrowIfNull(layers);
        ArgumentNullException.ThrowIfNull(taus);
        ArgumentNullException.ThrowIfNull(options);
        var vectors = new MemoryVectors(injections, options.Encoder);
        RandomWord?[,] drawn = Draw(injections.Pairs.Count, category, layers.Count * taus.Count, seed);
        var cells = new List<DrawnCell>();
        for (int l = 0; l < layers.Count; l++)
        {
            int layer = layers[l], first = l * taus.Count;
            AnswerStanding?[][] after = injections.After(layer, taus.Count, (pair, t) =>
                drawn[pair, first + t] is { } word
                    ? vectors.Random(word, pair, layer, taus[t], options.SameNorm, layer)
                    : vectors.Curated(pair, layer, taus[t]),
                share => progress?.Invoke((l + share) / layers.Count));
            for (int t = 0; t < taus.Count; t++)
                cells.Add(new(layer, taus[t], [.. Enumerable.Range(0, injections.Pairs.Count).Select(pair =>
                        drawn[pair, first + t]?.Text ?? injections.Pairs[pair].Pair.Memory)],
                    after[t], RandomMemories.Summary("", before, after[t]).Gain));
        }
        return new(category?.Name ?? Curated, cells);
    }

    static RandomWord?[,] Draw(int pairs, MemoryCategory? category, int cells, ulong seed)
    {
        var drawn = new RandomWord?[pairs, cells];
        for (int pair = 0; category is not null && pair < pairs; pair++)
        {
            var random = new SeededRandom(seed, DrawStream + (ulong)pair);
            for (int cell = 0; cell < cells; cell++)
                drawn[pair, cell] = category.Words[random.Next(category.Words.Count)];
        }
        return drawn;
    }
}
