using HeadTap.Runtime;

namespace HeadTap.Inject;

/// <summary>One way to inject the pairs' own memories, the same for all of them.</summary>
/// <param name="Encoder">How a memory becomes a vector.</param>
/// <param name="Last">Whether the last position alone receives it; else all do.</param>
/// <param name="Layer">From 0.</param>
/// <param name="Tau">The magnitude.</param>
public readonly record struct FixedCell(MemoryEncoder Encoder, bool Last, int Layer, float Tau);

/// <summary>Every cell of a grid for every pair.</summary>
/// <param name="Cells">The grid.</param>
/// <param name="After">[cells][pairs]</param>
public sealed record FixedCells(IReadOnlyList<FixedCell> Cells, AnswerStanding[][] After)
{
    /// <summary>The cell with the largest mean probability of the answers; of equals the first.</summary>
    public int Best => Index(cell => After[cell].Average(a => a.Probability));

    /// <summary>Injects at every cell.</summary>
    /// <param name="model">The model.</param>
    /// <param name="pairs">The pairs.</param>
    /// <param name="taus">Magnitudes.</param>
    /// <param name="progress">Told the share done.</param>
    public static FixedCells Run(Gpt2Model model, IReadOnlyList<EncodedPair> pairs, IReadOnlyList<float> taus,
        Action<double>? progress = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(taus);
        var cells = new List<FixedCell>();
        var after = new List<AnswerStanding[]>();
        // The layer encoder needs a begin-of-text token.
        MemoryEncoder[] encoders = model.Config.BosToken is null ? [MemoryEncoder.Unembed]
            : [MemoryEncoder.Unembed, MemoryEncoder.Layer];
        int total = encoders.Length * 2 * model.Config.Layers * taus.Count;
        foreach (MemoryEncoder encoder in encoders)
            foreach (bool last in (bool[])[false, true])
            {
                var rows = new RowInjections(model, pairs)
                {
                    Positions = _ => last ? EditPositions.Last : EditPositions.All,
                };
                var vectors = new MemoryVectors(rows, encoder);
                for (int l = 0; l < model.Config.Layers; l++)
                {
                    int layer = l;
                    after.AddRange(rows.After(layer, taus.Count,
                        (pair, t) => vectors.Curated(pair, layer, taus[t]))
                        .Select(standings => Array.ConvertAll(standings, s => s!)));
                    cells.AddRange(taus.Select(tau => new FixedCell(encoder, last, layer, tau)));
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
