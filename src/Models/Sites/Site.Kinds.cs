namespace HeadTap.Models;

// One name a kind of site: Site.Z(3) is blocks.3.attn.hook_z. Layers count from 0.
public readonly partial record struct Site
{
    /// <summary>The token embedding, [B, T, C].</summary>
    public static Site Embed => new(SiteKind.Embed);

    /// <summary>The position embedding, [B, T, C].</summary>
    public static Site PosEmbed => new(SiteKind.PosEmbed);

    /// <summary>The residual stream into a block, [B, T, C].</summary>
    public static Site ResidPre(int layer) => new(SiteKind.ResidPre, layer);

    /// <summary>sqrt(var + eps) of the LayerNorm before attention, [B, T, 1]; read only.</summary>
    public static Site Ln1Scale(int layer) => new(SiteKind.Ln1Scale, layer);

    /// <summary>The output of the LayerNorm before attention, [B, T, C].</summary>
    public static Site Ln1Normalized(int layer) => new(SiteKind.Ln1Normalized, layer);

    /// <summary>Queries, [B, T, H, D].</summary>
    public static Site Q(int layer) => new(SiteKind.Q, layer);

    /// <summary>Keys, [B, T, H, D].</summary>
    public static Site K(int layer) => new(SiteKind.K, layer);

    /// <summary>Values, [B, T, H, D].</summary>
    public static Site V(int layer) => new(SiteKind.V, layer);

    /// <summary>Scaled, masked scores, [B, H, T, T].</summary>
    public static Site Scores(int layer) => new(SiteKind.Scores, layer);

    /// <summary>The attention pattern, [B, H, T, T].</summary>
    public static Site Pattern(int layer) => new(SiteKind.Pattern, layer);

    /// <summary>Each head's mix of values, [B, T, H, D].</summary>
    public static Site Z(int layer) => new(SiteKind.Z, layer);

    /// <summary>Each head's contribution to the stream, [B, T, H, C].</summary>
    public static Site Result(int layer) => new(SiteKind.Result, layer);

    /// <summary>What attention adds to the stream, [B, T, C].</summary>
    public static Site AttnOut(int layer) => new(SiteKind.AttnOut, layer);

    /// <summary>The stream between attention and feed-forward, [B, T, C].</summary>
    public static Site ResidMid(int layer) => new(SiteKind.ResidMid, layer);

    /// <summary>sqrt(var + eps) of the LayerNorm before the feed-forward block, [B, T, 1]; read
    /// only.</summary>
    public static Site Ln2Scale(int layer) => new(SiteKind.Ln2Scale, layer);

    /// <summary>The output of the LayerNorm before the feed-forward block, [B, T, C].</summary>
    public static Site Ln2Normalized(int layer) => new(SiteKind.Ln2Normalized, layer);

    /// <summary>The neurons before their nonlinearity, [B, T, I].</summary>
    public static Site MlpPre(int layer) => new(SiteKind.MlpPre, layer);

    /// <summary>The neurons after their nonlinearity, [B, T, I].</summary>
    public static Site MlpPost(int layer) => new(SiteKind.MlpPost, layer);

    /// <summary>What the feed-forward block adds to the stream, [B, T, C].</summary>
    public static Site MlpOut(int layer) => new(SiteKind.MlpOut, layer);

    /// <summary>The residual stream out of a block, [B, T, C].</summary>
    public static Site ResidPost(int layer) => new(SiteKind.ResidPost, layer);

    /// <summary>sqrt(var + eps) of the final LayerNorm, [B, T, 1]; read only.</summary>
    public static Site LnFinalScale => new(SiteKind.LnFinalScale);

    /// <summary>The output of the final LayerNorm, [B, T, C].</summary>
    public static Site LnFinalNormalized => new(SiteKind.LnFinalNormalized);

    /// <summary>Scores of the next token, [B, T, V].</summary>
    public static Site Logits => new(SiteKind.Logits);
}
