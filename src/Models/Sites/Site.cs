using System.IO.Enumeration;
using System.Runtime.CompilerServices;
using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>
/// One place of a forward pass, named as TransformerLens names it: <c>blocks.3.attn.hook_z</c>.
/// </summary>
/// <param name="Kind">Which place of a block, or outside the blocks.</param>
/// <param name="Layer">The block, from 0; 0 for places outside the blocks.</param>
public readonly partial record struct Site(SiteKind Kind, int Layer = 0) : IComparable<Site>
{
    static readonly ConditionalWeakTable<ModelConfig, (Site Site, string Name)[]> s_named = [];

    /// <summary>The TransformerLens name.</summary>
    public string Name => InBlock(Kind) ? $"blocks.{Layer}.{SiteNames.Of(Kind)}" : SiteNames.Of(Kind);

    /// <summary>Whether each block has such a place.</summary>
    public static bool InBlock(SiteKind kind) => kind is > SiteKind.PosEmbed and < SiteKind.LnFinalScale;

    /// <summary>Every site of a model, in the order in which a forward pass comes to them.</summary>
    public static IEnumerable<Site> All(ModelConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        SiteKind[] kinds = [.. Enum.GetValues<SiteKind>().Where(k => IsIn(k, config))];
        return
        [
            .. kinds.TakeWhile(k => k <= SiteKind.PosEmbed).Select(k => new Site(k)),
            .. from layer in Enumerable.Range(0, config.Layers)
               from kind in kinds.Where(InBlock)
               select new Site(kind, layer),
            .. kinds.SkipWhile(k => k < SiteKind.LnFinalScale).Select(k => new Site(k)),
        ];
    }

    /// <summary>The sites that a glob or an alias names, in forward order.</summary>
    /// <param name="pattern">
    /// <c>*</c> and <c>?</c> as in a file name; TransformerLens names, or the aliases of docs/sites.md.
    /// </param>
    /// <param name="config">The model whose sites they are.</param>
    /// <exception cref="UserException">Nothing matches.</exception>
    public static IReadOnlyList<Site> Match(string pattern, ModelConfig config)
    {
        ArgumentNullException.ThrowIfNull(pattern);
        ArgumentNullException.ThrowIfNull(config);
        string glob = SiteNames.FromAlias(pattern.Trim(), config.Architecture);
        // A batch may have one edit per row, each with its site: those must not walk through all of them.
        if (SiteNames.TryParse(glob, config.Layers, out Site named) && IsIn(named.Kind, config))
            return [named];
        // A server asks for globs again and again; the names of a model stay.
        (Site Site, string Name)[] all = s_named.GetValue(config, c => [.. All(c).Select(s => (s, s.Name))]);
        if (SiteNames.TryParse(glob, config.Layers, out Site absent) && absent.Kind == SiteKind.ResidMid)
            throw new UserException(
                $"site {Quoted.Name(pattern)}: blocks of this model are parallel, so there is no "
                + "stream between attention and the feed-forward block; hook_resid_pre is what both read");
        List<Site> found =
            [.. all.Where(s => FileSystemName.MatchesSimpleExpression(glob, s.Name, ignoreCase: false))
                .Select(s => s.Site)];
        return found.Count > 0 ? found : throw new UserException(
            $"site {Quoted.Name(pattern)} matches nothing; expected one like blocks.*.attn.hook_z, "
            + $"with blocks 0 to {config.Layers - 1} (docs/sites.md has the list)");
    }

    /// <summary>The sites that any of several patterns names, each once, in forward order.</summary>
    /// <exception cref="UserException">One of the patterns matches nothing.</exception>
    public static IReadOnlyList<Site> MatchAll(IEnumerable<string> patterns, ModelConfig config)
        => [.. patterns.SelectMany(p => Match(p, config)).Distinct().Order()];

    /// <summary>
    /// The site of a name or an alias, whatever the model: <c>blocks.3.attn.hook_z</c>, or
    /// <c>h.3.attn.c_proj.input</c> in the words of one of <see cref="Architecture.Known"/>.
    /// </summary>
    /// <exception cref="UserException">It is no site, or selects several.</exception>
    public static Site Parse(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        foreach (Architecture architecture in Architecture.Known)
            if (SiteNames.TryParse(SiteNames.FromAlias(name.Trim(), architecture), int.MaxValue,
                out Site site))
                return site;
        throw new UserException($"site {Quoted.Name(name)} is not one site; expected a name like "
            + "blocks.3.attn.hook_z (docs/sites.md has the list)");
    }

    /// <inheritdoc/>
    public int CompareTo(Site other) => Order(this).CompareTo(Order(other));

    /// <inheritdoc/>
    public override string ToString() => Name;

    /// <summary>Whether a model has places of a kind: where nothing learns positions, nothing embeds them; a
    /// parallel block has no stream between its two parts.</summary>
    internal static bool IsIn(SiteKind kind, ModelConfig config) => kind switch
    {
        SiteKind.PosEmbed => config.Architecture.Has(Role.PositionEmbedding),
        SiteKind.ResidMid => !config.ParallelResidual,
        _ => true,
    };

    // Embedding, then blocks with their places inside, then what follows the blocks.
    static (int, int, SiteKind) Order(Site s)
        => (s.Kind <= SiteKind.PosEmbed ? 0 : InBlock(s.Kind) ? 1 : 2, s.Layer, s.Kind);

    /// <summary>Forward order.</summary>
    public static bool operator <(Site a, Site b) => a.CompareTo(b) < 0;

    /// <summary>Forward order.</summary>
    public static bool operator >(Site a, Site b) => a.CompareTo(b) > 0;

    /// <summary>Forward order.</summary>
    public static bool operator <=(Site a, Site b) => a.CompareTo(b) <= 0;

    /// <summary>Forward order.</summary>
    public static bool operator >=(Site a, Site b) => a.CompareTo(b) >= 0;
}
