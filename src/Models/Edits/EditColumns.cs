namespace HeadTap.Models;

/// <summary>Neighbouring numbers of a site's row that an edit changes together.</summary>
/// <param name="Column">The first of them, from the site's first.</param>
/// <param name="Width">How many there are.</param>
/// <param name="Place">The first of them among all that the edit changes in a row.</param>
readonly record struct EditColumns(int Column, int Width, int Place)
{
    /// <summary>
    /// What an edit changes in a row: all of it at once, or each chosen head by itself, or each run of
    /// neighbouring neurons.
    /// </summary>
    internal static EditColumns[] Of(Edit edit, in SiteLayout layout)
    {
        if (layout.HeadsInRows || (edit.OnlyHeads is null && edit.Neurons is null))
            return [new EditColumns(0, layout.Width, 0)];
        var all = new List<EditColumns>();
        int place = 0;
        foreach (int head in edit.OnlyHeads ?? [0])
            foreach ((int first, int width) in Runs(edit.Neurons, layout.Unit))
            {
                all.Add(new EditColumns(head * layout.Unit + first, width, place));
                place += width;
            }
        return [.. all];
    }

    static IEnumerable<(int First, int Width)> Runs(IReadOnlyList<int>? neurons, int unit)
    {
        if (neurons is null)
        {
            yield return (0, unit);
            yield break;
        }
        for (int start = 0, end; start < neurons.Count; start = end)
        {
            for (end = start + 1; end < neurons.Count && neurons[end] == neurons[end - 1] + 1; end++)
            {
            }
            yield return (neurons[start], end - start);
        }
    }
}
