using HeadTap.Models;

namespace HeadTap.Inject;

/// <summary>
/// Counts the arithmetic of a sweep: multiply-adds of the matrix products of blocks and unembedding. Not
/// counted, for either number: products of attention scores, which are small for short prompts; the saving
/// when the last block computes the last token only; and passes of the layer encoder.
/// </summary>
/// <param name="Sweep">Multiply-adds of the sweep.</param>
/// <param name="CellByCell">Multiply-adds of a whole forward pass for every cell.</param>
public readonly record struct SweepCost(double Sweep, double CellByCell)
{
    /// <summary>Factor by which the sweep needs less arithmetic: CellByCell / Sweep.</summary>
    public double Saved => CellByCell / Sweep;

    /// <summary>Counts the multiply-adds of a grid over prompts.</summary>
    /// <param name="config">Configuration of the model.</param>
    /// <param name="grid">Cells of the sweep.</param>
    /// <param name="prompts">Number of tokens of each single-hop and multi-hop prompt.</param>
    public static SweepCost Of(
        ModelConfig config, SweepGrid grid, IEnumerable<(int Explicit, int Obscure)> prompts)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(grid);
        ArgumentNullException.ThrowIfNull(prompts);
        double C = config.Width, attention = 4 * C * C, feedForward = 2 * C * config.Inner;
        double block = attention + feedForward, vocabulary = C * config.VocabSize;
        int variants = grid.Cells.Count / grid.Layers.Count, L = config.Layers;
        double sweep = 0, whole = 0;
        foreach ((int single, int multi) in prompts)
        {
            double both = L * block * (single + multi) + 2 * vocabulary;
            double rest = grid.Layers.Sum(
                l => multi * ((L - l) * block - (grid.BehindAttention ? attention : 0)) + vocabulary);
            sweep += both + variants * rest;
            whole += both + variants * grid.Layers.Count * (multi * L * block + vocabulary);
        }
        return new(sweep, whole);
    }
}
