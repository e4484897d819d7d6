namespace HeadTap.Models;

/// <summary>
/// The places of a forward pass that can be recorded or edited, in the order in which a pass comes to them.
/// B, T, C, H, D, I as in docs/notation.md (I: width of the feed-forward block).
/// </summary>
public enum SiteKind
{
    /// <summary>Token embedding, [B, T, C]: <c>hook_embed</c>.</summary>
    Embed,

    /// <summary>Position embedding, [B, T, C]: <c>hook_pos_embed</c>.</summary>
    PosEmbed,

    /// <summary>Residual stream into a block, [B, T, C].</summary>
    ResidPre,

    /// <summary>sqrt(var + eps) of the first LayerNorm, [B, T, 1]; read only.</summary>
    Ln1Scale,

    /// <summary>Output of the first LayerNorm, weight and bias applied, [B, T, C].</summary>
    Ln1Normalized,

    /// <summary>Queries, [B, T, H, D].</summary>
    Q,

    /// <summary>Keys, [B, T, H, D].</summary>
    K,

    /// <summary>Values, [B, T, H, D].</summary>
    V,

    /// <summary>Scaled, masked scores, [B, H, T, T]; minus infinity above the diagonal.</summary>
    Scores,

    /// <summary>Attention pattern, [B, H, T, T].</summary>
    Pattern,

    /// <summary>Each head's mix of values, before W_O, [B, T, H, D].</summary>
    Z,

    /// <summary>
    /// Each head's own contribution to the residual stream, z_h W_O[h], [B, T, H, C]; no bias.
    /// </summary>
    Result,

    /// <summary>Sum of the heads' results and the bias, [B, T, C].</summary>
    AttnOut,

    /// <summary>Residual stream between attention and feed-forward, [B, T, C].</summary>
    ResidMid,

    /// <summary>As <see cref="Ln1Scale"/>, of the second LayerNorm.</summary>
    Ln2Scale,

    /// <summary>As <see cref="Ln1Normalized"/>, of the second LayerNorm.</summary>
    Ln2Normalized,

    /// <summary>Feed-forward before its nonlinearity, [B, T, I].</summary>
    MlpPre,

    /// <summary>Feed-forward after its nonlinearity (the neurons), [B, T, I].</summary>
    MlpPost,

    /// <summary>Output of the feed-forward block, [B, T, C].</summary>
    MlpOut,

    /// <summary>Residual stream out of a block, [B, T, C].</summary>
    ResidPost,

    /// <summary>As <see cref="Ln1Scale"/>, of the final LayerNorm.</summary>
    LnFinalScale,

    /// <summary>Output of the final LayerNorm, [B, T, C].</summary>
    LnFinalNormalized,

    /// <summary>Scores of the next token, [B, T, V]: <c>logits</c>.</summary>
    Logits,
}
