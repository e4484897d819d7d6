using System.Globalization;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Circuits;

/// <summary>One end of a path: a head's or a feed-forward block's output, or an input.</summary>
/// <param name="Site">The site.</param>
/// <param name="Head">Head, from 0, where the site has heads; null for all of them.</param>
public readonly record struct PathNode(Site Site, int? Head = null)
{
    /// <summary>The word for the stream before the final LayerNorm.</summary>
    public const string Final = "final";

    /// <summary>Whether paths may begin here: at z of heads, or at what a feed-forward block adds.</summary>
    public bool CanSend => Site.Kind is SiteKind.Z or SiteKind.MlpOut;

    /// <summary>
    /// Whether paths may end here: at q, k or v of heads, at the input of a feed-forward block, or at the
    /// stream out of a block.
    /// </summary>
    public bool CanReceive => Site.Kind is SiteKind.Q or SiteKind.K or SiteKind.V or SiteKind.Ln2Normalized
        or SiteKind.ResidPost;

    /// <summary>
    /// Parses <c>blocks.3.attn.hook_z:2</c>, <c>blocks.4.hook_mlp_out</c>, <c>blocks.5.attn.hook_q:1</c>,
    /// <c>blocks.5.ln2.hook_normalized</c> or <c>final</c>.
    /// </summary>
    /// <exception cref="UserException">It is no site of the model, or has no such head.</exception>
    public static PathNode Parse(string text, ModelConfig config)
    {
        ArgumentNullException.ThrowIfNull(text);
        ArgumentNullException.ThrowIfNull(config);
        if (text == Final)
            return new(Site.ResidPost(config.Layers - 1));
        int colon = text.LastIndexOf(':');
        Site site = Site.Match(colon < 0 ? text : text[..colon], config) is [var one] ? one
            : throw new UserException($"{Quoted.Name(text)} is more than one site; expected one, like "
                + "blocks.3.attn.hook_z:2");
        if (colon < 0)
            return new(site);
        bool heads = site.Kind is SiteKind.Z or SiteKind.Q or SiteKind.K or SiteKind.V;
        return heads && int.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture,
            out int head) && head < config.Heads ? new(site, head)
            : throw new UserException($"{Quoted.Name(text)} names no head; expected "
                + (heads ? $"0 to {config.Heads - 1} after the colon" : $"{site} without a colon"));
    }

    /// <inheritdoc/>
    public override string ToString() => Head is { } head ? $"{Site}:{head}" : Site.Name;

    /// <summary>The edit that puts values in the node's place.</summary>
    /// <param name="value">Of all heads of the site.</param>
    /// <param name="row">Row of the batch; null for all.</param>
    internal Edit ToEdit(EditValue value, int? row = null) => new()
    {
        Site = Site, Operation = EditOperation.Patch, Value = value, Head = Head,
        Rows = row is { } b ? [b] : null,
    };
}
