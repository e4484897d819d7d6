using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Circuits;

/// <summary>Corruption of a prompt by another of the same length, drawn from many.</summary>
public static class ResampledPrompts
{
    /// <summary>Draws different prompts that are as long as the clean one and not the same.</summary>
    /// <param name="rows">Token ids of the prompts to draw from; equal ones count once.</param>
    /// <param name="clean">Token ids of the clean prompt.</param>
    /// <param name="count">Most prompts to draw; all that fit if there are fewer.</param>
    /// <param name="random">Draws.</param>
    /// <param name="place">Where the prompts are from, for the message.</param>
    /// <exception cref="UserException">None is as long.</exception>
    public static IReadOnlyList<int[]> Draw(IReadOnlyList<int[]> rows, int[] clean, int count,
        SeededRandom random, string place)
    {
        ArgumentNullException.ThrowIfNull(rows);
        ArgumentNullException.ThrowIfNull(clean);
        ArgumentNullException.ThrowIfNull(random);
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        var seen = new HashSet<string> { Key(clean) };
        int[][] fit = [.. rows.Where(row => row.Length == clean.Length && seen.Add(Key(row)))];
        if (fit.Length == 0)
            throw new UserException($"{place} has no other prompt of {Counted.Of(clean.Length, "token")}, as "
                + "the clean one has; expected at least one");
        random.Shuffle<int[]>(fit);
        return fit[..Math.Min(count, fit.Length)];
    }

    static string Key(int[] ids) => string.Join(',', ids);
}
