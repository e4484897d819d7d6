using HeadTap.Runtime;

namespace HeadTap.Inject;

/// <summary>
/// A way to draw a memory that is not the pair's own, for comparison (arXiv 2309.05605, section 5).
/// </summary>
/// <param name="Name">As results spell it.</param>
/// <param name="Draw">The memory's tokens for a pair among pairs, of a model, from a generator.</param>
public sealed record RandomMemoryKind(string Name,
    Func<EncodedPair, IReadOnlyList<EncodedPair>, Gpt2Config, SeededRandom, int[]> Draw)
{
    /// <summary>The memory of another pair with another bridge: right in kind, wrong in fact.</summary>
    public static RandomMemoryKind OtherBridge { get; } = new("another pair's memory",
        (pair, pairs, _, random) =>
        {
            EncodedPair[] others = [.. pairs.Where(p => p.Pair.Bridge != pair.Pair.Bridge)];
            return others.Length > 0 ? others[random.Next(others.Length)].Memory
                : throw new UserException("all pairs have one bridge; expected others to draw from");
        });

    /// <summary>As many tokens as the pair's memory has, each drawn from the vocabulary.</summary>
    public static RandomMemoryKind RandomTokens { get; } = new("random tokens",
        (pair, _, config, random) => [.. pair.Memory.Select(_ => random.Next(config.VocabSize))]);
}
