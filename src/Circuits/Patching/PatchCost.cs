using HeadTap.Models;

namespace HeadTap.Circuits;

/// <summary>
/// Counts the arithmetic of patching one pair: multiply-adds of the matrix products of blocks and
/// unembedding. Not counted, for either number: products of attention scores, which are small for short
/// prompts, the saving when the last block computes the last token only, and cells that change nothing.
/// </summary>
/// <param name="Batched">Multiply-adds of <see cref="PatchSweep"/>.</param>
/// <param name="CellByCell">Multiply-adds of a whole forward pass for every cell.</param>
public readonly record struct PatchCost(double Batched, double CellByCell)
{
    /// <summary>Factor by which the batched cells need less arithmetic: CellByCell / Batched.</summary>
    public double Saved => CellByCell / Batched;

    /// <summary>Counts the multiply-adds of a grid.</summary>
    /// <param name="config">Sizes of the model.</param>
    /// <param name="grid">Cells.</param>
    /// <param name="tokens">Tokens of both prompts.</param>
    public static PatchCost Of(ModelConfig config, PatchGrid grid, int tokens)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(grid);
        double C = config.Width, attention = 4 * C * C, block = attention + 2 * C * config.Inner;
        double vocabulary = C * config.VocabSize, pass = tokens * config.Layers * block + vocabulary;
        int cells = grid.CellsOf(config, 0, [.. Enumerable.Range(0, tokens)]).Count();
        double batched = 3 * pass - vocabulary; // the source's values need no logits
        bool suffixes = SuffixCells.Fits(grid);
        foreach (int layer in grid.Layers)
        {
            double rest = tokens * ((config.Layers - layer) * block - (grid.BehindAttention ? attention : 0));
            if (!suffixes)
            {
                batched += cells * (rest + vocabulary);
                continue;
            }
            int heads = cells / tokens, at = grid.Kind == SiteKind.ResidPre ? layer : layer + 1;
            batched += at == layer ? 0 : heads * (rest + vocabulary);
            if (at < config.Layers)
                batched += heads * (tokens * (tokens + 1) / 2 * (config.Layers - at) * block
                    + tokens * vocabulary);
        }
        return new(batched, (double)cells * grid.Layers.Count * pass);
    }
}
