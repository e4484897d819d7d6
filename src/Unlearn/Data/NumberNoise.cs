using HeadTap.Models;

namespace HeadTap.Unlearn;

/// <summary>TinyMem's noise: moves some numbers or token ids by one.</summary>
static class NumberNoise
{
    /// <summary>
    /// Adds 1 to each number with probability <paramref name="share"/> / 2, and subtracts 1 with the same
    /// probability.
    /// </summary>
    /// <remarks>A 0 stays 0 instead of -1, because the alphabet has no sign.</remarks>
    internal static int[] Numbers(int[] numbers, double share, SeededRandom random)
        => [.. numbers.Select(x => Math.Max(0, x + Step(share, random)))];

    /// <summary>Moves token ids in the same way; they stay in the vocabulary.</summary>
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
