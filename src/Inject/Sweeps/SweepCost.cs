using HeadTap.Models;

namespace HeadTap.Inject;

/// <summary>
/// The arithmetic of a sweep, counted: multiply-adds of the blocks' and the vocabulary's matrix products.
/// Attention's own products, small for short prompts, are left out on both sides, and so is what both save by
/// leaving the last block with the last token alone; passes of the encoder layer are left out too.
/// </summary>
/// <param name="Sweep">What the sweep runs.</param>
/// <param name="CellByCell">What a whole forward pass for every cell would run.</param>
public readonly record struct SweepCost(double Sweep, double CellByCell)
{
    /// <summary>CellByCell / Sweep.</summary>
    public double Saved => CellByCell / Sweep;

    /// <summary>Counts a grid over prompts.</summary>
    /// <param name="config">The model.</param>
    /// <param name="grid">The cells.</param>
    /// <param name="prompts">Tokens of each single-hop and multi-hop prompt.</param>
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
