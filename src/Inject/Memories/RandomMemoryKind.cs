using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Inject;

/// <summary>
/// A way to draw a memory that is not the pair's own, for comparison (arXiv 2309.05605, section 5).
/// </summary>
/// <param name="Name">Name of the kind in results.</param>
/// <param name="Draw">Function that draws the token ids of a memory for a pair, given all pairs, the model's
/// configuration and a random generator.</param>
public sealed record RandomMemoryKind(string Name,
    Func<EncodedPair, IReadOnlyList<EncodedPair>, ModelConfig, SeededRandom, int[]> Draw)
{
    /// <summary>
    /// The memory of another pair with other tokens: the right kind of entity, but the wrong one.
    /// </summary>
    public static RandomMemoryKind OtherBridge { get; } = new("another pair's memory",
        (pair, pairs, _, random) =>
        {
            EncodedPair[] others = [.. pairs.Where(p => !p.Memory.SequenceEqual(pair.Memory))];
            return others.Length > 0 ? others[random.Next(others.Length)].Memory
                : throw new UserException("all pairs have one memory; expected others to draw from");
        });

    /// <summary>
    /// As many different random tokens as the pair's memory has; begin-of-text and end-of-text are left out.
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
