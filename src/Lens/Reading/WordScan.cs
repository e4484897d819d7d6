namespace HeadTap.Lens;

/// <summary>Counts how many of a head's top tokens are in a list of words.</summary>
/// <param name="Layer">Layer, from 0.</param>
/// <param name="Head">Head, from 0; null if the lens reads the stream.</param>
/// <param name="Mean">Mean over prompts of the number of listed words among the top tokens.</param>
/// <param name="Found">Listed tokens that were found and the number of prompts with each, most prompts first,
/// then by id.</param>
public sealed record ScannedHead(
    int Layer, int? Head, double Mean, IReadOnlyList<(int Token, int Prompts)> Found);

/// <summary>Finds the heads that write words of a list, as in Attention Lens, section 1.6.</summary>
/// <param name="Heads">Counts per head, ordered by layer, then by head.</param>
public sealed record WordScan(IReadOnlyList<ScannedHead> Heads)
{
    /// <summary>The head with the most words in each layer; ties go to the lower head.</summary>
    public IEnumerable<ScannedHead> Best
        => Heads.GroupBy(h => h.Layer).Select(layer => layer.MaxBy(h => h.Mean)!);

    /// <summary>Counts listed words in readings of a lens.</summary>
    /// <param name="readings">Readings per layer, at one position of each prompt.</param>
    /// <param name="listed">[V]: whether each token is in the list.</param>
    public static WordScan Of(IReadOnlyList<LayerReading> readings, IReadOnlyList<bool> listed)
    {
        ArgumentNullException.ThrowIfNull(readings);
        ArgumentNullException.ThrowIfNull(listed);
        ScannedHead Count(int layer, int? head, IReadOnlyList<LensWords> words)
        {
            int[] found = [.. words.SelectMany(w => w.Top).Select(t => t.Id).Where(id => listed[id])];
            return new(layer, head, (double)found.Length / words.Count, [.. found.GroupBy(id => id)
                .Select(g => (Token: g.Key, Prompts: g.Count()))
                .OrderByDescending(g => g.Prompts).ThenBy(g => g.Token)]);
        }
        return new([.. readings.SelectMany(layer => layer.Heads.Count == 0
            ? (ScannedHead[])[Count(layer.Layer, null, layer.Whole)]
            : layer.Heads.Select(h => Count(layer.Layer, h.Head, h.Words)))]);
    }
}
