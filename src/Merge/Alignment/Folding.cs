using HeadTap.Models;

namespace HeadTap.Merge;

/// <summary>Models whose LayerNorms have no gain and no shift of their own.</summary>
static class Folding
{
    static readonly (Role Gain, Role Shift)[] s_norms =
    [
        (Role.Norm1Weight, Role.Norm1Bias), (Role.Norm2Weight, Role.Norm2Bias),
        (Role.FinalNormWeight, Role.FinalNormBias),
    ];

    /// <summary>The same model with gains 1 and shifts 0, an untied head and a head bias; every reader and
    /// writer centred.</summary>
    internal static DecoderWeights Folded(DecoderWeights weights)
    {
        ModelConfig config = weights.Config with { TiedHead = false, HeadBias = true };
        DecoderWeights plain = DecoderWeights.Plain(config), folded = plain.Copy();
        foreach (ParameterSlice slice in weights.Layout.Slices)
            folded.Put(slice.Role, slice.Layer, (double[])weights[slice.Role, slice.Layer].Clone());
        if (weights.Config.TiedHead)
            folded.Put(Role.HeadWeight, -1, (double[])weights[Role.TokenEmbedding].Clone());
        FreeParts.Copy(plain, folded);
        return folded;
    }

    /// <summary>Whether all gains are 1 and all shifts 0, and the head is untied.</summary>
    internal static bool IsFolded(DecoderWeights weights) => !weights.Config.TiedHead
        && weights.Layout.Slices.All(s => Array.TrueForAll(s_norms, n => n.Gain != s.Role)
            || Array.TrueForAll(weights[s.Role, s.Layer], g => g == 1))
        && weights.Layout.Slices.All(s => Array.TrueForAll(s_norms, n => n.Shift != s.Role)
            || Array.TrueForAll(weights[s.Role, s.Layer], g => g == 0));

    /// <summary>Sets all gains to 1 and all shifts to 0.</summary>
    internal static void ResetNorms(DecoderWeights weights)
    {
        foreach (ParameterSlice slice in weights.Layout.Slices)
            foreach ((Role gain, Role shift) in s_norms)
                if (slice.Role == gain)
                    Array.Fill(weights[gain, slice.Layer], 1);
                else if (slice.Role == shift)
                    Array.Clear(weights[shift, slice.Layer]);
    }
}
