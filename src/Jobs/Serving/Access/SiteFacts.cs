using HeadTap.Models;

namespace HeadTap.Jobs;

/// <summary>What can be said of a site before anything runs.</summary>
public static class SiteFacts
{
    /// <summary>The shape of one text's values, with T for its tokens: [T, 12, 64].</summary>
    public static string Shape(SiteKind kind, ModelConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        return kind switch
        {
            SiteKind.Scores or SiteKind.Pattern => $"[{config.Heads}, T, T]",
            SiteKind.Q or SiteKind.K or SiteKind.V or SiteKind.Z =>
                $"[T, {config.Heads}, {config.HeadWidth}]",
            SiteKind.Result => $"[T, {config.Heads}, {config.Width}]",
            _ => $"[T, {FloatsPerToken(kind, config)}]",
        };
    }

    /// <summary>Numbers of one token; null for scores and patterns, which have some for each key.</summary>
    public static long? FloatsPerToken(SiteKind kind, ModelConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        return kind switch
        {
            SiteKind.Scores or SiteKind.Pattern => null,
            SiteKind.Result => (long)config.Heads * config.Width,
            SiteKind.MlpPre or SiteKind.MlpPost => config.Inner,
            SiteKind.Logits => config.VocabSize,
            SiteKind.Ln1Scale or SiteKind.Ln2Scale or SiteKind.LnFinalScale => 1,
            _ => config.Width,
        };
    }

    /// <summary>Numbers of a text.</summary>
    /// <param name="kind">The site's kind.</param>
    /// <param name="config">The model.</param>
    /// <param name="tokens">Tokens of the text.</param>
    public static long Floats(SiteKind kind, ModelConfig config, int tokens)
        => FloatsPerToken(kind, config) * tokens ?? (long)config.Heads * tokens * tokens;

    /// <summary>Whether values at a site can be changed; those that can have a gradient too.</summary>
    public static bool CanEdit(SiteKind kind)
        => kind is not (SiteKind.Ln1Scale or SiteKind.Ln2Scale or SiteKind.LnFinalScale);
}
