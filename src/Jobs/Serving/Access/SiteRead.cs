using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>What a read makes of the values at a site.</summary>
public enum Reduction
{
    /// <summary>The values themselves.</summary>
    None,

    /// <summary>Those of the last position.</summary>
    Last,

    /// <summary>Their mean over positions.</summary>
    Mean,

    /// <summary>The Euclidean norm of each row of numbers.</summary>
    Norm,

    /// <summary>The most likely tokens that each row says through the final LayerNorm and the
    /// unembedding.</summary>
    Top,
}

/// <summary>What to read at which sites.</summary>
public sealed record SiteRead
{
    /// <summary>The sites: a name, a glob or an alias.</summary>
    public required string Site { get; init; }

    /// <summary>Heads, of a site that has them; null for all.</summary>
    public IReadOnlyList<int>? Heads { get; init; }

    /// <summary>Positions; negative ones count from the end; null for all.</summary>
    public IReadOnlyList<int>? Positions { get; init; }

    /// <summary>What to make of the values.</summary>
    public Reduction Reduction { get; init; }

    /// <summary>Tokens of <see cref="Reduction.Top"/>.</summary>
    public int Top { get; init; }

    /// <summary>Reads an item of <c>reads</c>.</summary>
    /// <exception cref="BadRequestException">A field is wrong.</exception>
    internal static SiteRead Parse(RequestFields f)
    {
        f.Only("site", "heads", "positions", "reduce");
        string word = f.Text("reduce") ?? "none";
        int top = 0;
        if (word.StartsWith("topk:", StringComparison.Ordinal)
            && int.TryParse(word.AsSpan(5), System.Globalization.NumberStyles.None,
                System.Globalization.CultureInfo.InvariantCulture, out top) && top is >= 1 and <= 1000)
            word = "topk";
        return new SiteRead
        {
            Site = f.Text("site") ?? throw f.Bad("site", "the name of a site"),
            Heads = f.Ints("heads"), Positions = f.Ints("positions"), Top = top,
            Reduction = word switch
            {
                "none" => Reduction.None,
                "last" => Reduction.Last,
                "mean" => Reduction.Mean,
                "norm" => Reduction.Norm,
                "topk" when top > 0 => Reduction.Top,
                _ => throw f.Bad("reduce", "none, last, mean, norm or topk:K with K from 1 to 1000"),
            },
        };
    }

    /// <summary>The sites of a model.</summary>
    /// <param name="config">The model.</param>
    /// <param name="param">The read's place in the request.</param>
    /// <exception cref="BadRequestException">None matches, or one has no heads, or not rows as wide as the
    /// stream where tokens are asked for.</exception>
    internal IReadOnlyList<Site> Sites(ModelConfig config, string param)
    {
        IReadOnlyList<Site> sites;
        try
        {
            sites = Models.Site.Match(Site, config);
        }
        catch (UserException e)
        {
            throw new BadRequestException(e.Message, $"{param}.site", "site_not_found");
        }
        foreach (Site site in sites)
        {
            if (Heads is not null && !HasHeads(site.Kind))
                throw new BadRequestException($"{site} has no heads; leave heads out", $"{param}.heads");
            if (Reduction == Reduction.Top && !ReadsTokens(site.Kind))
                throw new BadRequestException($"{site} is not as wide as the stream; topk reads streams, "
                    + "outputs of blocks and hook_result", $"{param}.reduce");
        }
        foreach (int head in Heads ?? [])
            if (head < 0 || head >= config.Heads)
                throw new BadRequestException(
                    $"head {head} does not exist; this model has heads 0 to {config.Heads - 1}",
                    $"{param}.heads");
        return sites;
    }

    /// <summary>The places of a text that are read, in the order that was asked for.</summary>
    /// <exception cref="BadRequestException">One is beyond the text.</exception>
    internal int[] PositionsOf(int length, string param)
    {
        int[] all = Positions is null ? [.. Enumerable.Range(0, length)]
            : [.. Positions.Select(p => p >= 0 ? p : p + length)];
        foreach ((int asked, int p) in (Positions ?? all).Zip(all))
            if (p < 0 || p >= length)
                throw new BadRequestException(
                    $"position {asked} does not exist; the input has {Counted.Of(length, "token")}",
                    $"{param}.positions");
        return Reduction == Reduction.Last ? [all.Length > 0 ? all[^1] : throw new BadRequestException(
            "no position is asked for; expected at least one", $"{param}.positions")] : all;
    }

    /// <summary>Whether a site has an axis of heads.</summary>
    internal static bool HasHeads(SiteKind kind) => kind is SiteKind.Q or SiteKind.K or SiteKind.V
        or SiteKind.Z or SiteKind.Result or SiteKind.Scores or SiteKind.Pattern;

    /// <summary>Whether rows of a site are as wide as the stream.</summary>
    internal static bool ReadsTokens(SiteKind kind) => kind is SiteKind.Embed or SiteKind.PosEmbed
        or SiteKind.ResidPre or SiteKind.ResidMid or SiteKind.ResidPost or SiteKind.AttnOut
        or SiteKind.MlpOut or SiteKind.Result;
}
