namespace HeadTap.Reference;

/// <summary>Top-k by sorting everything: larger first, NaN before all, then by index.</summary>
public static class TopKReference
{
    public static int[] Indices(float[] row, int k)
        => [.. Enumerable.Range(0, row.Length)
            .OrderByDescending(i => float.IsNaN(row[i]))
            .ThenByDescending(i => float.IsNaN(row[i]) ? 0 : row[i])
            .ThenBy(i => i).Take(k)];
}
