using HeadTap.Models;

namespace HeadTap.Inject;

/// <summary>Results of every cell of a grid for every pair.</summary>
/// <param name="Cells">Cells of the grid.</param>
/// <param name="After">[cells][pairs]: probability and rank of the answer.</param>
sealed record FixedCells(IReadOnlyList<SweepCell> Cells, AnswerStanding[][] After)
{
    /// <summary>
    /// Index of the cell with the largest mean probability of the answers; ties go to the first.
    /// </summary>
    public int Best => Index(cell => After[cell].Average(a => a.Probability));

    /// <summary>Injects every pair's memory at every cell.</summary>
    /// <param name="model">Model that runs the prompts.</param>
    /// <param name="pairs">Pairs with their memories.</param>
    /// <param name="taus">Magnitudes of the memories.</param>
    /// <param name="progress">Callback that gets the share done, 0 to 1.</param>
    /// <param name="lens">Folder of a Jacobian lens, whose directions take the place of the unembedding; null
    /// for none.</param>
    public static FixedCells Run(LanguageModel model, IReadOnlyList<EncodedPair> pairs,
        IReadOnlyList<float> taus,
        Action<double>? progress = null, string? lens = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(taus);
        var cells = new List<SweepCell>();
        var after = new List<AnswerStanding[]>();
        // The layer encoder needs a begin-of-text token.
        MemoryEncoder tokens = lens is null ? MemoryEncoder.Unembed : MemoryEncoder.Jacobian;
        MemoryEncoder[] encoders = model.BeginOfText is null ? [tokens] : [tokens, MemoryEncoder.Layer];
        MemoryPositions[] places = [MemoryPositions.All, MemoryPositions.Last];
        int total = encoders.Length * places.Length * model.Config.Layers * taus.Count;
        foreach (MemoryEncoder encoder in encoders)
            foreach (MemoryPositions positions in places)
            {
                var rows = new RowInjections(model, pairs)
                {
                    Positions = pair => pair.PositionsOf(positions)!,
                };
                var vectors = new MemoryVectors(rows, encoder, lens);
                for (int l = 0; l < model.Config.Layers; l++)
                {
                    int layer = l;
                    after.AddRange(rows.After(layer, taus.Count,
                        (pair, t) => vectors.Curated(pair, layer, taus[t]))
                        .Select(standings => Array.ConvertAll(standings, s => s!)));
                    cells.AddRange(taus.Select(tau => new SweepCell(encoder, positions, layer, tau)));
                    progress?.Invoke((double)cells.Count / total);
                }
            }
        return new(cells, [.. after]);
    }

    /// <summary>
    /// Returns the index of the cell with the largest probability of a pair's answer; ties go to the first.
    /// </summary>
    public int BestOf(int pair) => Index(cell => After[cell][pair].Probability);

    int Index(Func<int, double> value)
    {
        int best = 0;
        for (int cell = 1; cell < Cells.Count; cell++)
            if (value(cell) > value(best))
                best = cell;
        return best;
    }
}
