
namespace HeadTap.Unlearn;

/// <summary>
/// Edit distance of token sequences (Levenshtein 1966): insertions, deletions, substitutions.
/// </summary>
public static class Levenshtein
{
    /// <summary>Returns the least number of edits that turn one sequence into the other.</summary>
    public static int Distance(ReadOnlySpan<int> a, ReadOnlySpan<int> b)
    {
        int[] row = [.. Enumerable.Range(0, b.Length + 1)];
        for (int i = 0; i < a.Length; i++)
        {
            int diagonal = row[0]++;
            for (int j = 0; j < b.Length; j++)
                (diagonal, row[j + 1]) = (row[j + 1],
                    Math.Min(Math.Min(row[j], row[j + 1]) + 1, diagonal + (a[i] == b[j] ? 0 : 1)));
        }
        return row[^1];
    }

    /// <summary>
    /// Returns 1 - distance / longer length; 1 for equal sequences, also for two empty ones.
    /// </summary>
    public static double Similarity(ReadOnlySpan<int> a, ReadOnlySpan<int> b)
        => 1 - (double)Distance(a, b) / Math.Max(Math.Max(a.Length, b.Length), 1);
}
