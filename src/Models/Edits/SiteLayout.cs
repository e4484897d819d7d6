namespace HeadTap.Models;

/// <summary>How a site's values lie in the tensor that holds them.</summary>
/// <param name="Shape">As recorded, batch axis first.</param>
/// <param name="Stride">Floats from one row of the tensor to the next.</param>
/// <param name="Column">First column of the site in a row.</param>
/// <param name="Unit">Floats of one head, or of the whole row where there are no heads.</param>
/// <param name="Heads">Heads side by side in a row, or, with <paramref name="HeadsInRows"/>, one below
/// another.</param>
/// <param name="HeadsInRows">Scores and patterns: row (b H + h) T + t.</param>
readonly record struct SiteLayout(int[] Shape, int Stride, int Column, int Unit, int Heads, bool HeadsInRows)
{
    /// <summary>Floats of the site in one row of its tensor.</summary>
    internal int Width => HeadsInRows ? Unit : Unit * Heads;

    /// <summary>Whether a row of the tensor is the site and nothing else.</summary>
    internal bool Dense => Column == 0 && Stride == Width;

    /// <summary>The axis of <see cref="Shape"/> that counts tokens.</summary>
    internal int TokenAxis => HeadsInRows ? 2 : 1;

    /// <summary>The shape with letters for what a batch decides: [B, T, 12, 64].</summary>
    internal string Describe()
        => HeadsInRows ? $"[B, {Heads}, T, keys]" : $"[B, T, {string.Join(", ", Shape[2..])}]";

    // keys: extent of the last axis of scores and patterns, when not T: the cache's capacity.
    internal static SiteLayout Of(SiteKind kind, ModelConfig config, int B, int T, int keys = 0)
    {
        int C = config.Width, H = config.Heads, D = config.HeadWidth, I = config.Inner;
        int Tk = keys == 0 ? T : keys;
        return kind switch
        {
            SiteKind.Q => new([B, T, H, D], 3 * C, 0, D, H, false),
            SiteKind.K => new([B, T, H, D], 3 * C, C, D, H, false),
            SiteKind.V => new([B, T, H, D], 3 * C, 2 * C, D, H, false),
            SiteKind.Z => new([B, T, H, D], C, 0, D, H, false),
            SiteKind.Result => new([B, T, H, C], H * C, 0, C, H, false),
            SiteKind.Scores or SiteKind.Pattern => new([B, H, T, Tk], Tk, 0, Tk, H, true),
            SiteKind.MlpPre or SiteKind.MlpPost => new([B, T, I], I, 0, I, 1, false),
            SiteKind.Logits => new([B, T, config.VocabSize], config.VocabSize, 0, config.VocabSize, 1, false),
            SiteKind.Ln1Scale or SiteKind.Ln2Scale or SiteKind.LnFinalScale =>
                new([B, T, 1], 1, 0, 1, 1, false),
            _ => new([B, T, C], C, 0, C, 1, false),
        };
    }
}
