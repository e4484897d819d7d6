using HeadTap.Models;

namespace HeadTap.Inject;

/// <summary>Results of one cell with a memory drawn for every pair.</summary>
/// <param name="Layer">Layer, from 0.</param>
/// <param name="Tau">Magnitude of the memories.</param>
/// <param name="Words">[pairs]: word that was drawn.</param>
/// <param name="After">[pairs]: answer with the word injected; null if the pair's own memory was
/// drawn.</param>
/// <param name="Gain">Statistics over the pairs.</param>
public sealed record DrawnCell(int Layer, float Tau, IReadOnlyList<string> Words,
    IReadOnlyList<AnswerStanding?> After, GainSummary Gain);

/// <summary>
/// Injects a random word of a category for every pair, layer and magnitude: the authors' second baseline. A
/// draw depends only on the seed, category, pair, layer and magnitude.
/// </summary>
/// <param name="Name">Name of the category; "curated" for the pairs' own memories.</param>
/// <param name="Cells">Results per cell, ordered by layer, then by magnitude.</param>
public sealed record DrawnMemories(string Name, IReadOnlyList<DrawnCell> Cells)
{
    /// <summary>Category name of the pairs' own memories.</summary>
    public const string Curated = "curated";

    /// <summary>Draws a word for every pair and cell and injects it.</summary>
    /// <param name="injections">Model and pairs.</param>
    /// <param name="before">[pairs]: answers with nothing injected.</param>
    /// <param name="category">Words to draw from; null for the pairs' own memories.</param>
    /// <param name="layers">Layers, from 0.</param>
    /// <param name="taus">Magnitudes of the memories.</param>
    /// <param name="options">Encoder and norm; layer, magnitude and placement are not used.</param>
    /// <param name="seed">Seed for the draws.</param>
    /// <param name="progress">Callback that gets the share done, 0 to 1.</param>
    public static DrawnMemories Run(RowInjections injections, IReadOnlyList<AnswerStanding> before,
        MemoryCategory? category, IReadOnlyList<int> layers, IReadOnlyList<float> taus,
        RandomMemoryOptions options, ulong seed, Action<double>? progress = null)
    {
        ArgumentNullException.ThrowIfNull(injections);
        ArgumentNullException.ThrowIfNull(layers);
        ArgumentNullException.ThrowIfNull(taus);
        ArgumentNullException.ThrowIfNull(options);
        var vectors = new MemoryVectors(injections, options.Encoder, options.Lens);
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

    // 64-bit FNV-1a hash.
    static ulong Stream(string category, int pair, int layer, float tau)
    {
        ulong hash = 0xCBF29CE484222325;
        foreach (uint part in (uint[])
            [.. category.Select(c => (uint)c), (uint)pair, (uint)layer, BitConverter.SingleToUInt32Bits(tau)])
            hash = (hash ^ part) * 0x100000001B3;
        return hash;
    }
}
