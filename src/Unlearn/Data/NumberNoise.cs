using HeadTap.Models;

namespace HeadTap.Unlearn;

/// <summary>The noise artefact (spec of TinyMem, section on planting).</summary>
static class NumberNoise
{
    /// <summary>
    /// Every number by itself: + 1 with half of <paramref name="share"/>, - 1 with the other half.
    /// </summary>
    /// <remarks>A 0 is never lowered: the alphabet has no sign.</remarks>
    internal static int[] Numbers(int[] numbers, double share, SeededRandom random)
        => [.. numbers.Select(x => Math.Max(0, x + Step(share, random)))];

    /// <summary>The same of token ids, which stay in the vocabulary.</summary>
    internal static int[] Tokens(int[] ids, int vocabSize, double share, SeededRandom random)
        => [.. ids.Select(id => Math.Clamp(id + Step(share, random), 0, vocabSize - 1))];

    static int Step(double share, SeededRandom random)
        => random.NextDouble() switch
        {
            double u when u < share / 2 => 1,
            double u when u < share => -1,
            _ => 0,
        };
}
