namespace HeadTap.Lens;

/// <summary>How many of a head's tokens are in a list of words.</summary>
/// <param name="Layer">From 0.</param>
/// <param name="Head">From 0; null for the stream, where the lens reads that.</param>
/// <param name="Mean">Tokens of the list among the largest, mean over prompts.</param>
/// <param name="Found">Those tokens and in how many prompts they were, most often first, then by id.</param>
public sealed record ScannedHead(
    int Layer, int? Head, double Mean, IReadOnlyList<(int Token, int Prompts)> Found);

/// <summary>
/// Which heads write words of a list: the localisation of Attention Lens, section 1.6, for any list.
/// </summary>
/// <param name="Heads">By layer, then by head.</param>
public sealed record WordScan(IReadOnlyList<ScannedHead> Heads)
{
    /// <summary>The head of each layer with the most words; of equals the lower one.</summary>
    public IEnumerable<ScannedHead> Best
        => Heads.GroupBy(h => h.Layer).Select(layer => layer.MaxBy(h => h.Mean)!);

    /// <summary>Counts words in what a lens says.</summary>
    /// <param name="readings">Of the layers, at one position of each prompt.</param>
    /// <param name="listed">[V]: which tokens are in the list.</param>
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
