namespace HeadTap.Inject;

/// <summary>Shares of prompts whose answer becomes, or stops being, the most probable token.</summary>
public static class RankChange
{
    /// <summary>Of the prompts whose answer is not at rank 1 before, the share that has it there after; NaN
    /// if there are none.</summary>
    /// <param name="before">Ranks from 1, without the injection.</param>
    /// <param name="after">Ranks with it.</param>
    /// <exception cref="ArgumentException">The lengths differ, or a rank is below 1.</exception>
    public static double Repaired(ReadOnlySpan<int> before, ReadOnlySpan<int> after) =>
        Share(before, after, wasFirst: false);

    /// <summary>Of the prompts whose answer is at rank 1 before, the share that has lost it; NaN if there are
    /// none.</summary>
    /// <inheritdoc cref="Repaired"/>
    public static double Broken(ReadOnlySpan<int> before, ReadOnlySpan<int> after) =>
        Share(before, after, wasFirst: true);

    static double Share(ReadOnlySpan<int> before, ReadOnlySpan<int> after, bool wasFirst)
    {
        if (before.Length != after.Length)
            throw new ArgumentException($"{before.Length} ranks before and {after.Length} after.");
        int changed = 0, all = 0;
        for (int i = 0; i < before.Length; i++)
        {
            if (before[i] < 1 || after[i] < 1)
                throw new ArgumentException($"Prompt {i} has a rank below 1.");
            if (before[i] == 1 != wasFirst)
                continue;
            all++;
            if (after[i] == 1 != wasFirst)
                changed++;
        }
        return all == 0 ? double.NaN : (double)changed / all;
    }
}
