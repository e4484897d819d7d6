using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Inject;

/// <summary>
/// A way to draw a memory that is not the pair's own, for comparison (arXiv 2309.05605, section 5).
/// </summary>
/// <param name="Name">As results spell it.</param>
/// <param name="Draw">The memory's tokens for a pair among pairs, of a model, from a generator.</param>
public sealed record RandomMemoryKind(string Name,
    Func<EncodedPair, IReadOnlyList<EncodedPair>, ModelConfig, SeededRandom, int[]> Draw)
{
    /// <summary>Another pair's memory, of other tokens: right in kind, wrong in fact.</summary>
    public static RandomMemoryKind OtherBridge { get; } = new("another pair's memory",
        (pair, pairs, _, random) =>
        {
            EncodedPair[] others = [.. pairs.Where(p => !p.Memory.SequenceEqual(pair.Memory))];
            return others.Length > 0 ? others[random.Next(others.Length)].Memory
                : throw new UserException("all pairs have one memory; expected others to draw from");
        });

    /// <summary>
    /// As many tokens as the pair's memory has, each drawn once, begin-of-text and end-of-text left out.
    /// </summary>
    public static RandomMemoryKind RandomTokens { get; } = new("random tokens", (pair, _, config, random) =>
    {
        var drawn = new List<int>();
        int wanted = Math.Min(pair.Memory.Distinct().Count(), config.VocabSize - 2);
        while (drawn.Count < wanted)
        {
            int token = random.Next(config.VocabSize);
            if (token != config.BosToken && token != config.EosToken && !drawn.Contains(token))
                drawn.Add(token);
        }
        return [.. drawn];
    });
}
