using HeadTap.Models;

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
/// A random word of a category for every pair, layer and magnitude: the authors' second baseline. A draw
/// depends on the seed and on these four alone.
/// </summary>
/// <param name="Name">The category; "curated" for the pairs' own memories.</param>
/// <param name="Cells">Layers, then magnitudes.</param>
public sealed record DrawnMemories(string Name, IReadOnlyList<DrawnCell> Cells)
{
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
        RandomWord?[,] drawn = Draw(injections.Pairs.Count, category, layers, taus, seed);
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

    static RandomWord?[,] Draw(int pairs, MemoryCategory? category, IReadOnlyList<int> layers,
        IReadOnlyList<float> taus, ulong seed)
    {
        var drawn = new RandomWord?[pairs, layers.Count * taus.Count];
        if (category is null)
            return drawn;
        for (int pair = 0; pair < pairs; pair++)
            for (int cell = 0; cell < drawn.GetLength(1); cell++)
            {
                ulong stream = Stream(
                    category.Name, pair, layers[cell / taus.Count], taus[cell % taus.Count]);
                drawn[pair, cell] =
                    category.Words[new SeededRandom(seed, stream).Next(category.Words.Count)];
            }
        return drawn;
    }

    // FNV-1a, 64 bits.
    static ulong Stream(string category, int pair, int layer, float tau)
    {
        ulong hash = 0xCBF29CE484222325;
        foreach (uint part in (uint[])
            [.. category.Select(c => (uint)c), (uint)pair, (uint)layer, BitConverter.SingleToUInt32Bits(tau)])
            hash = (hash ^ part) * 0x100000001B3;
        return hash;
    }
}
