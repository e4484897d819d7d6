namespace HeadTap.Merge;

/// <summary>
/// One change of a decoder's weights that leaves its logits as they are: axes of the stream, then the inside
/// of every block. docs/merge.md has the equations.
/// </summary>
sealed record DecoderSymmetry(StreamMap? Stream, IReadOnlyList<BlockSymmetry> Blocks)
{
    /// <summary>The changed model; the given one stays as it is.</summary>
    internal DecoderWeights Of(DecoderWeights weights)
    {
        DecoderWeights changed = weights.Copy();
        Stream?.Apply(changed);
        for (int l = 0; l < Blocks.Count; l++)
            Blocks[l].Apply(changed, l);
        return changed;
    }
}
