using System.Globalization;

namespace HeadTap.Models;

/// <summary>
/// TransformerLens' names of the sites, and the names other tools have for the same places.
/// </summary>
public static class SiteNames
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

    // TransformerLens 3's canonical names. It lists attn.hook_out as a name of both hook_attn_out and
    // hook_resid_mid; here it is hook_attn_out.
    static readonly (string Alias, SiteKind Kind)[] BlockAliases =
    [
        ("hook_in", SiteKind.ResidPre),
        ("ln1.hook_out", SiteKind.Ln1Normalized),
        ("attn.q.hook_out", SiteKind.Q), ("attn.k.hook_out", SiteKind.K), ("attn.v.hook_out", SiteKind.V),
        ("attn.o.hook_in", SiteKind.Z),
        ("attn.hook_hidden_states", SiteKind.Result),
        ("attn.hook_out", SiteKind.AttnOut),
        ("ln2.hook_out", SiteKind.Ln2Normalized),
        ("mlp.in.hook_out", SiteKind.MlpPre),
        ("mlp.out.hook_in", SiteKind.MlpPost),
        ("mlp.hook_out", SiteKind.MlpOut),
        ("hook_out", SiteKind.ResidPost),
    ];

    static readonly (string Alias, SiteKind Kind)[] OuterAliases =
    [
        ("embed.hook_out", SiteKind.Embed), ("pos_embed.hook_out", SiteKind.PosEmbed),
        ("unembed.hook_in", SiteKind.LnFinalNormalized), ("unembed.hook_out", SiteKind.Logits),
    ];

    /// <summary>
    /// Every alias of an architecture's sites with the site it means, <c>{l}</c> standing for the layer: the
    /// rows of docs/sites.md.
    /// </summary>
    internal static IEnumerable<(string Alias, SiteKind Kind)> Aliases(Architecture architecture)
    {
        (string Alias, SiteKind Kind)[] inBlock = [.. BlockAliases, .. architecture.BlockAliases];
        return
        [
            .. OuterAliases, .. architecture.OuterAliases,
            .. inBlock.Select(a => ($"{architecture.BlockName}.{{l}}.{a.Alias}", a.Kind)),
            .. inBlock.Select(a => ($"blocks.{{l}}.{a.Alias}", a.Kind)),
        ];
    }

    /// <summary>The name inside its block, or the whole name of a site outside the blocks.</summary>
    public static string Of(SiteKind kind) => Names[kind];

    /// <summary>
    /// The TransformerLens name or glob of an alias; anything that is no alias comes back as it is.
    /// </summary>
    internal static string FromAlias(string name, Architecture architecture)
    {
        string bare = architecture.WithoutPrefix(name);
        foreach ((string alias, SiteKind kind) in OuterAliases.Concat(architecture.OuterAliases))
            if (bare == alias)
                return Of(kind);
        if (!TryBlock(bare, architecture.BlockName, out string layer, out string place)
            && !TryBlock(bare, "blocks", out layer, out place))
            return bare;
        foreach ((string alias, SiteKind kind) in BlockAliases.Concat(architecture.BlockAliases))
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

    // block.layer.place, the layer a number or a glob.
    static bool TryBlock(string name, string block, out string layer, out string place)
    {
        (layer, place) = ("", "");
        if (!name.StartsWith(block + ".", StringComparison.Ordinal))
            return false;
        string rest = name[(block.Length + 1)..];
        int dot = rest.IndexOf('.', StringComparison.Ordinal);
        if (dot < 1 || dot == rest.Length - 1
            || !rest[..dot].All(c => char.IsAsciiDigit(c) || c is '*' or '?'))
            return false;
        (layer, place) = (rest[..dot], rest[(dot + 1)..]);
        return true;
    }
}
