using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>Which logits a forward pass makes.</summary>
public enum LogitsAt
{
    /// <summary>
    /// None: the product with the vocabulary, a third of GPT-2 small's arithmetic, is left out.
    /// </summary>
    None,

    /// <summary>Each row's last real token, [B, V].</summary>
    Last,

    /// <summary>Every position, [B, T, V].</summary>
    All,
}

/// <summary>What a <see cref="ModelSession"/> makes room for.</summary>
public sealed record SessionOptions
{
    /// <summary>Most rows of a batch.</summary>
    public int MaxRows { get; init; } = 1;

    /// <summary>Most tokens of a row; at most the model's context.</summary>
    public required int MaxTokens { get; init; }

    /// <summary>Which logits <see cref="ModelSession.Forward"/> makes.</summary>
    public LogitsAt Logits { get; init; }

    /// <summary>Sites to record in every forward pass.</summary>
    public IReadOnlyList<Site> Record { get; init; } = [];

    /// <summary>Whether gradients will be asked for: the session's <c>ForwardBackward</c>.</summary>
    public bool Backward { get; init; }

    /// <summary>Sites whose gradients to record in every backward pass.</summary>
    public IReadOnlyList<Site> RecordGradients { get; init; } = [];

    /// <summary>Whether logits that are not finite are left as they are, whatever
    /// <see cref="LanguageModel.RequiresFinite"/> says.</summary>
    internal bool TakesNonfinite { get; init; }

    /// <summary>Checks what can be known before memory is taken.</summary>
    /// <exception cref="UserException">A size is too large, or a site has no gradient.</exception>
    internal void RequireFits(ModelConfig config)
    {
        if (MaxTokens < 1 || MaxTokens > config.ContextLength)
            throw new UserException($"{MaxTokens} tokens asked for; the model's context is "
                + $"{config.ContextLength}, and at least one token is needed");
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(MaxRows);
        // Rows of scores and patterns, and groups of attention, are counted in an int: B*H*T of them.
        int most = Array.MaxLength / config.Heads;
        if ((long)MaxRows * MaxTokens > most)
            throw new UserException($"a batch of {MaxRows} x {MaxTokens} tokens is more than can be counted; "
                + $"expected at most {most} tokens with {config.Heads} heads: use fewer rows");
        foreach (Site site in Record.Concat(RecordGradients))
            if (!Site.IsIn(site.Kind, config))
                throw new UserException($"{site} does not exist in this model");
        if (RecordGradients.FirstOrDefault(s => s.Kind is SiteKind.Ln1Scale or SiteKind.Ln2Scale
                or SiteKind.LnFinalScale) is { Kind: not SiteKind.Embed } scale)
            throw new UserException($"{scale} has no gradient of its own; ask for the normalized output's");
    }
}
