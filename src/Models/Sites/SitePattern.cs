using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>Selects sites of a model: one <see cref="Site"/>, or those that a glob or an alias
/// names.</summary>
/// <param name="Text"><c>blocks.3.attn.hook_z</c>, <c>blocks.*.attn.hook_z</c>, <c>h.3.attn</c>.</param>
public sealed record SitePattern(string Text)
{
    /// <summary>The one site.</summary>
    public static implicit operator SitePattern(Site site) => new(site.Name);

    /// <summary>The sites of a name, a glob or an alias; one that matches nothing is refused when a model is
    /// known.</summary>
    public static implicit operator SitePattern(string text) => new(text);

    /// <summary>The selected sites of a model, in forward order.</summary>
    /// <exception cref="UserException">Nothing matches.</exception>
    public IReadOnlyList<Site> In(ModelConfig config) => Site.Match(Text, config);

    /// <inheritdoc/>
    public override string ToString() => Text;
}
