using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>How to generate.</summary>
public sealed record GenerationOptions
{
    /// <summary>Most tokens to add to each row.</summary>
    public required int MaxNewTokens { get; init; }

    /// <summary>How the next token is chosen.</summary>
    public SamplingOptions Sampling { get; init; } = new(Greedy: true);

    /// <summary>
    /// Seed of the draws; row b draws from its own stream, so rows do not change one another.
    /// </summary>
    public ulong Seed { get; init; }

    /// <summary>A token that ends a row (it is kept); null for none.</summary>
    public int? StopToken { get; init; }

    /// <summary>A token that is never chosen, or null.</summary>
    public int? NeverWritten { get; init; }

    /// <summary>Sites to record in every pass.</summary>
    public IReadOnlyList<Site> Record { get; init; } = [];

    /// <summary>Called after each pass, before the next.</summary>
    public Action<GenerationStep>? OnStep { get; init; }
}

/// <summary>What one pass of a generation did.</summary>
/// <param name="Step">0: the prompt; n: the n-th generated token.</param>
/// <param name="Logits">[B, V] of each row's last token, on the device.</param>
/// <param name="Chosen">[B] the tokens chosen from them; -1 for a row that has ended.</param>
/// <param name="Recordings">What was recorded.</param>
public sealed record GenerationStep(
    int Step, Tensor Logits, IReadOnlyList<int> Chosen, IReadOnlyDictionary<Site, Recording> Recordings);
