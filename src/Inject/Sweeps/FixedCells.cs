using HeadTap.Models;

namespace HeadTap.Inject;

/// <summary>Every cell of a grid for every pair.</summary>
/// <param name="Cells">The grid.</param>
/// <param name="After">[cells][pairs]</param>
public sealed record FixedCells(IReadOnlyList<SweepCell> Cells, AnswerStanding[][] After)
{
    /// <summary>The cell with the largest mean probability of the answers; of equals the first.</summary>
    public int Best => Index(cell => After[cell].Average(a => a.Probability));

    /// <summary>Injects at every cell.</summary>
    /// <param name="model">The model.</param>
    /// <param name="pairs">The pairs.</param>
    /// <param name="taus">Magnitudes.</param>
    /// <param name="progress">Told the share done.</param>
    public static FixedCells Run(LanguageModel model, IReadOnlyList<EncodedPair> pairs,
        IReadOnlyList<float> taus,
        Action<double>? progress = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(taus);
        var cells = new List<SweepCell>();
        var after = new List<AnswerStanding[]>();
        // The layer encoder needs a begin-of-text token.
        MemoryEncoder[] encoders = model.Config.BosToken is null ? [MemoryEncoder.Unembed]
            : [MemoryEncoder.Unembed, MemoryEncoder.Layer];
        MemoryPositions[] places = [MemoryPositions.All, MemoryPositions.Last];
        int total = encoders.Length * places.Length * model.Config.Layers * taus.Count;
        foreach (MemoryEncoder encoder in encoders)
            foreach (MemoryPositions positions in places)
            {
                var rows = new RowInjections(model, pairs)
                {
                    Positions = pair => pair.PositionsOf(positions)!,
                };
                var vectors = new MemoryVectors(rows, encoder);
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

    /// <summary>The cell at which a pair's answer has the largest probability.</summary>
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
