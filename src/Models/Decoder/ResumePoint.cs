using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>
/// Resumes a forward pass from saved activations: at the start of a block, or after its attention. Passes
/// that
/// differ only above that place compute what is below once.
/// </summary>
/// <param name="Layer">The block, from 0; the number of blocks to resume after the last.</param>
/// <param name="Stream">
/// hook_resid_pre of the block, or hook_resid_post of the last, [B, T, C] with the batch's padding, or
/// [T, C] where all rows have the same.
/// </param>
/// <param name="AttnOut">
/// hook_attn_out of the block before any edit there, of the same shape; null to run the block's attention
/// too. Edits at hook_attn_out itself apply.
/// </param>
public sealed record ResumePoint(int Layer, float[] Stream, float[]? AttnOut = null)
{
    /// <summary>The last site that the resumed pass does not come to.</summary>
    internal Site LastSkipped => AttnOut is not null ? Site.Result(Layer)
        : Layer > 0 ? Site.ResidPost(Layer - 1) : Site.PosEmbed;

    internal void RequireFits(ModelConfig config, SequenceBatch rows)
    {
        if (Layer < 0 || Layer > config.Layers || (Layer == config.Layers && AttnOut is not null))
            throw new ArgumentException($"Block {Layer} does not exist; there are {config.Layers}.");
        long one = (long)rows.T * config.Width;
        if (Stream.Length != one && Stream.Length != one * rows.B)
            throw new ArgumentException(
                $"A stream of {Stream.Length} floats; expected [{rows.B}, {rows.T}, {config.Width}] or "
                + $"[{rows.T}, {config.Width}].");
        if (AttnOut is not null && AttnOut.Length != Stream.Length)
            throw new ArgumentException($"{AttnOut.Length} floats beside a stream of {Stream.Length}.");
    }

    /// <summary>Puts the values where the pass reads them.</summary>
    internal void Load(DecoderActivations a)
    {
        Load(Stream, a.Resid[Layer]);
        if (AttnOut is not null)
            Load(AttnOut, a.AttnOut[Layer]);
    }

    static void Load(float[] values, Tensor x)
    {
        int rows = values.Length / x.Columns;
        for (int first = 0; first < x.Rows; first += rows)
            x.SliceRows(first, rows).Upload(values);
    }
}
