namespace HeadTap.Inject;

/// <summary>
/// Computes shares of prompts whose answer becomes, or stops being, the most probable token.
/// </summary>
public static class RankChange
{
    /// <summary>
    /// Returns the share with rank 1 after, among prompts whose answer does not have rank 1 before; NaN if
    /// there are no such prompts.
    /// </summary>
    /// <param name="before">[prompts]: ranks from 1 without the injection.</param>
    /// <param name="after">[prompts]: ranks from 1 with the injection.</param>
    /// <exception cref="ArgumentException">The lengths differ, or a rank is below 1.</exception>
    public static double Repaired(ReadOnlySpan<int> before, ReadOnlySpan<int> after) =>
        Share(before, after, wasFirst: false);

    /// <summary>
    /// Returns the share without rank 1 after, among prompts whose answer has rank 1 before; NaN if there are
    /// no such prompts.
    /// </summary>
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
