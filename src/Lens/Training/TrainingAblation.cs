using HeadTap.Models;

namespace HeadTap.Lens;

/// <summary>
/// Removal of heads that lenses are trained to predict. Without it a lens matches the model's prediction by
/// the sum over a layer's heads, and many ways to share that sum fit equally well: a head that knows the
/// answer gets a share although nothing reads what it writes. With it the model runs twice, whole and without
/// some heads of one layer, and the lenses of these heads must explain the difference:
/// <c>KL(p_without || softmax(logits_whole + Σ_h Δz_h B_h))</c>, Δz = z_without - z_whole. So z_h B_h is the
/// best linear guess of what the removal of head h takes away from the logits.
/// </summary>
/// <remarks>
/// Row r of a step belongs to layer (r + step) mod L. One of the layer's heads is drawn and removed, and each
/// other one is removed with probability <see cref="Share"/>, at all positions of the row. What is drawn
/// depends on the seed, the pass and the row's place in it.
/// </remarks>
/// <param name="ToMean">Whether z of a removed head becomes its mean over the row; false sets it to
/// zero.</param>
/// <param name="Share">Probability of removal for each further head, 0 to below 1.</param>
public sealed record TrainingAblation(bool ToMean, double Share)
{
    const ulong AblationStream = 0x61626C6174696F6E; // apart from the random streams of other parts of a run

    /// <summary>Word of options and manifests: zero or mean.</summary>
    public string Word => ToMean ? "mean" : "zero";

    /// <summary>Returns the edits that remove heads from the rows of a pass.</summary>
    /// <param name="layers">[rows]: the layer that each row belongs to.</param>
    /// <param name="H">Heads of a layer.</param>
    /// <param name="seed">Seed of the run.</param>
    /// <param name="pass">Number of the pass; negative in an evaluation.</param>
    /// <returns>One edit for each head that any row loses, by layer and head.</returns>
    public IReadOnlyList<Edit> Edits(IReadOnlyList<int> layers, int H, ulong seed, long pass)
    {
        ArgumentNullException.ThrowIfNull(layers);
        ulong passSeed = new SeededRandom(seed, AblationStream + (ulong)pass).NextUInt64();
        var removed = new SortedDictionary<(int Layer, int Head), List<int>>();
        for (int b = 0; b < layers.Count; b++)
        {
            var random = new SeededRandom(passSeed, (ulong)b);
            int drawn = random.Next(H);
            for (int h = 0; h < H; h++)
            {
                bool further = random.NextDouble() < Share; // drawn for every head, so heads stay independent
                if (h != drawn && !further)
                    continue;
                if (!removed.TryGetValue((layers[b], h), out List<int>? rows))
                    removed[(layers[b], h)] = rows = [];
                rows.Add(b);
            }
        }
        return [.. removed.Select(head => new Edit
        {
            Site = new Site(SiteKind.Z, head.Key.Layer), Head = head.Key.Head, Rows = head.Value,
            Operation = ToMean ? EditOperation.Mean : EditOperation.Zero,
        })];
    }
}
