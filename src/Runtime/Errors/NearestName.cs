namespace HeadTap.Runtime;

/// <summary>Finds what a user may have meant by a name that does not exist.</summary>
public static class NearestName
{
    /// <summary>
    /// The candidate that differs from a name by the fewest letters inserted, left out, changed or swapped
    /// with their neighbour; null if none is near, or the name is empty.
    /// </summary>
    public static string? Of(string name, IEnumerable<string> candidates)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(candidates);
        string word = name.ToLowerInvariant();
        (string? nearest, int distance) = candidates.Select(c => ((string?)c, Distance(word, c)))
            .DefaultIfEmpty((null, int.MaxValue)).MinBy(c => c.Item2);
        int letters = word.TrimStart('-').Length;
        return letters > 0 && distance <= Math.Max(1, letters / 3) ? nearest : null;
    }

    /// <summary>The words to add to an error: ", the nearest is X", or nothing.</summary>
    public static string Hint(string name, IEnumerable<string> candidates)
        => Of(name, candidates) is { } nearest ? $"; the nearest is {nearest}" : "";

    // The optimal string alignment distance.
    static int Distance(string a, string b)
    {
        int[,] d = new int[a.Length + 1, b.Length + 1];
        for (int i = 0; i <= a.Length; i++)
            d[i, 0] = i;
        for (int j = 0; j <= b.Length; j++)
            d[0, j] = j;
        for (int i = 1; i <= a.Length; i++)
            for (int j = 1; j <= b.Length; j++)
            {
                d[i, j] = Math.Min(Math.Min(d[i - 1, j], d[i, j - 1]) + 1,
                    d[i - 1, j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1));
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                    d[i, j] = Math.Min(d[i, j], d[i - 2, j - 2] + 1);
            }
        return d[a.Length, b.Length];
    }
}
