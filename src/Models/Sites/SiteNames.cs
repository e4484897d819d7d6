using System.Globalization;
using System.Text.RegularExpressions;

namespace HeadTap.Models;

/// <summary>
/// TransformerLens' names of the sites, and the names other tools have for the same places.
/// </summary>
public static partial class SiteNames
{
    static readonly Dictionary<SiteKind, string> Names = new()
    {
        [SiteKind.Embed] = "hook_embed",
        [SiteKind.PosEmbed] = "hook_pos_embed",
        [SiteKind.ResidPre] = "hook_resid_pre",
        [SiteKind.Ln1Scale] = "ln1.hook_scale",
        [SiteKind.Ln1Normalized] = "ln1.hook_normalized",
        [SiteKind.Q] = "attn.hook_q",
        [SiteKind.K] = "attn.hook_k",
        [SiteKind.V] = "attn.hook_v",
        [SiteKind.Scores] = "attn.hook_attn_scores",
        [SiteKind.Pattern] = "attn.hook_pattern",
        [SiteKind.Z] = "attn.hook_z",
        [SiteKind.Result] = "attn.hook_result",
        [SiteKind.AttnOut] = "hook_attn_out",
        [SiteKind.ResidMid] = "hook_resid_mid",
        [SiteKind.Ln2Scale] = "ln2.hook_scale",
        [SiteKind.Ln2Normalized] = "ln2.hook_normalized",
        [SiteKind.MlpPre] = "mlp.hook_pre",
        [SiteKind.MlpPost] = "mlp.hook_post",
        [SiteKind.MlpOut] = "hook_mlp_out",
        [SiteKind.ResidPost] = "hook_resid_post",
        [SiteKind.LnFinalScale] = "ln_final.hook_scale",
        [SiteKind.LnFinalNormalized] = "ln_final.hook_normalized",
        [SiteKind.Logits] = "logits",
    };

    static readonly Dictionary<string, SiteKind> ByName = Names.ToDictionary(n => n.Value, n => n.Key);

    // Inside a block: Hugging Face module paths, and TransformerLens 3's canonical names. TransformerLens 3
    // lists attn.hook_out as a name of both hook_attn_out and hook_resid_mid; here it is hook_attn_out.
    static readonly (string Alias, SiteKind Kind)[] BlockAliases =
    [
        ("input", SiteKind.ResidPre), ("hook_in", SiteKind.ResidPre),
        ("ln_1", SiteKind.Ln1Normalized), ("ln_1.output", SiteKind.Ln1Normalized),
        ("ln1.hook_out", SiteKind.Ln1Normalized),
        ("attn.q.hook_out", SiteKind.Q), ("attn.k.hook_out", SiteKind.K), ("attn.v.hook_out", SiteKind.V),
        ("attn.c_proj.input", SiteKind.Z), ("attn.o.hook_in", SiteKind.Z),
        ("attn.hook_hidden_states", SiteKind.Result),
        ("attn", SiteKind.AttnOut), ("attn.output", SiteKind.AttnOut), ("attn.output[0]", SiteKind.AttnOut),
        ("attn.c_proj.output", SiteKind.AttnOut), ("attn.hook_out", SiteKind.AttnOut),
        ("ln_2.input", SiteKind.ResidMid),
        ("ln_2", SiteKind.Ln2Normalized), ("ln_2.output", SiteKind.Ln2Normalized),
        ("ln2.hook_out", SiteKind.Ln2Normalized),
        ("mlp.c_fc.output", SiteKind.MlpPre), ("mlp.in.hook_out", SiteKind.MlpPre),
        ("mlp.act", SiteKind.MlpPost), ("mlp.c_proj.input", SiteKind.MlpPost),
        ("mlp.out.hook_in", SiteKind.MlpPost),
        ("mlp", SiteKind.MlpOut), ("mlp.output", SiteKind.MlpOut), ("mlp.hook_out", SiteKind.MlpOut),
        ("output", SiteKind.ResidPost), ("output[0]", SiteKind.ResidPost), ("hook_out", SiteKind.ResidPost),
    ];

    static readonly (string Alias, SiteKind Kind)[] OuterAliases =
    [
        ("wte", SiteKind.Embed), ("wte.output", SiteKind.Embed), ("embed.hook_out", SiteKind.Embed),
        ("wpe", SiteKind.PosEmbed), ("wpe.output", SiteKind.PosEmbed),
        ("pos_embed.hook_out", SiteKind.PosEmbed),
        ("ln_f", SiteKind.LnFinalNormalized), ("ln_f.output", SiteKind.LnFinalNormalized),
        ("unembed.hook_in", SiteKind.LnFinalNormalized),
        ("lm_head", SiteKind.Logits), ("lm_head.output", SiteKind.Logits),
        ("unembed.hook_out", SiteKind.Logits),
    ];

    /// <summary>
    /// Every alias with the site it means, <c>{l}</c> standing for the layer: the rows of docs/sites.md.
    /// </summary>
    public static IEnumerable<(string Alias, SiteKind Kind)> Aliases =>
    [
        .. OuterAliases,
        .. BlockAliases.Select(a => ($"h.{{l}}.{a.Alias}", a.Kind)),
        .. BlockAliases.Select(a => ($"blocks.{{l}}.{a.Alias}", a.Kind)),
    ];

    /// <summary>The name inside its block, or the whole name of a site outside the blocks.</summary>
    public static string Of(SiteKind kind) => Names[kind];

    /// <summary>
    /// The TransformerLens name or glob of an alias; anything that is no alias comes back as it is.
    /// </summary>
    internal static string FromAlias(string name)
    {
        string bare = name.StartsWith("transformer.", StringComparison.Ordinal)
            ? name["transformer.".Length..] : name;
        foreach ((string alias, SiteKind kind) in OuterAliases)
            if (bare == alias)
                return Of(kind);
        Match block = InBlock().Match(bare);
        if (!block.Success)
            return bare;
        string layer = block.Groups["layer"].Value, place = block.Groups["place"].Value;
        foreach ((string alias, SiteKind kind) in BlockAliases)
            if (place == alias)
                return $"blocks.{layer}.{Of(kind)}";
        return $"blocks.{layer}.{place}";
    }

    /// <summary>The site that a name without wildcards has in a model of so many blocks.</summary>
    internal static bool TryParse(string name, int layers, out Site site)
    {
        site = default;
        int layer = 0;
        if (name.StartsWith("blocks.", StringComparison.Ordinal))
        {
            int dot = name.IndexOf('.', "blocks.".Length);
            if (dot < 0 || !int.TryParse(name.AsSpan("blocks.".Length, dot - "blocks.".Length),
                    NumberStyles.None, CultureInfo.InvariantCulture, out layer)
                || layer >= layers || name["blocks.".Length] == '0' && dot > "blocks.0".Length)
                return false;
            name = name[(dot + 1)..];
        }
        else
            layer = -1;
        if (!ByName.TryGetValue(name, out SiteKind kind) || Site.InBlock(kind) == layer < 0)
            return false;
        site = new Site(kind, Math.Max(layer, 0));
        return true;
    }

    [GeneratedRegex(@"^(h|blocks)\.(?<layer>[0-9*?]+)\.(?<place>.+)$")]
    private static partial Regex InBlock();
}
