namespace HeadTap.Circuits;

/// <summary>The largest attention weights of a query.</summary>
static class SparseRow
{
    /// <summary>
    /// Adds the keys with the most attention to a list, by position. Equal ones go to the earlier key.
    /// </summary>
    /// <param name="row">Attention to each key, [q + 1].</param>
    /// <param name="most">Number of keys at most.</param>
    /// <param name="least">Attention that a key must have.</param>
    /// <param name="into">The list.</param>
    internal static void Add(ReadOnlySpan<float> row, int most, float least, List<AttendedKey> into)
    {
        int first = into.Count;
        for (int k = 0; k < row.Length; k++)
        {
            if (!(row[k] >= least) || (into.Count - first == most && !(row[k] > into[^1].Attention)))
                continue;
            int at = into.Count;
            while (at > first && row[k] > into[at - 1].Attention)
                at--;
            into.Insert(at, new AttendedKey(k, row[k]));
            if (into.Count - first > most)
                into.RemoveAt(into.Count - 1);
        }
        into.Sort(first, into.Count - first, s_byPosition);
    }

    static readonly Comparer<AttendedKey> s_byPosition =
        Comparer<AttendedKey>.Create((a, b) => a.Position.CompareTo(b.Position));
}
