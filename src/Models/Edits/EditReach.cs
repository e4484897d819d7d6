using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>Finds what edits name and a run does not have: a position, a step.</summary>
/// <remarks>
/// A step of a generation runs one token a row: step s the token at the prompt's length + s - 1. Step 0 runs
/// the prompt.
/// </remarks>
public static class EditReach
{
    /// <summary>Refuses edits that would change nothing in a single pass, wholly or in part.</summary>
    /// <param name="edits">The edits.</param>
    /// <param name="lengths">[B]: the tokens of each row.</param>
    /// <exception cref="UserException">No row has a position that an edit lists, or a step is never
    /// reached.</exception>
    public static void Require(IEnumerable<Edit> edits, IReadOnlyList<int> lengths)
    {
        ArgumentNullException.ThrowIfNull(edits);
        foreach (Edit edit in edits)
            if (Missed(edit, lengths) is { } what)
                throw edit.Wrong(what);
    }

    /// <summary>Refuses edits of prompts that run one by one, as <see cref="Require"/> does those of one
    /// pass.</summary>
    /// <param name="edits">The edits.</param>
    /// <param name="lengths">The tokens of each prompt.</param>
    /// <exception cref="UserException">An edit names rows beside several prompts, lists a position that no
    /// prompt has, or a step that is never reached.</exception>
    public static void RequireOneByOne(IEnumerable<Edit> edits, IReadOnlyList<int> lengths)
    {
        ArgumentNullException.ThrowIfNull(edits);
        foreach (Edit edit in edits)
            if (edit.Rows is not null && lengths.Count > 1)
                throw edit.Wrong($"rows are those of one batch, and here each of {lengths.Count} prompts "
                    + "runs by itself; leave rows out, or give one prompt");
        Require(edits, lengths);
    }

    /// <summary>Refuses edits that would change nothing in any of many passes.</summary>
    /// <param name="edits">The edits.</param>
    /// <param name="lengths">The tokens of each row of all passes.</param>
    /// <param name="passes">Passes that continue each row; null where nothing is generated.</param>
    /// <exception cref="UserException">No row has a position that an edit lists, a step is never reached, or
    /// an edit names rows, which mean nothing where the program forms the batches.</exception>
    public static void RequireInAny(
        IEnumerable<Edit> edits, IReadOnlyList<int> lengths, IReadOnlyList<int>? passes = null)
    {
        ArgumentNullException.ThrowIfNull(edits);
        foreach (Edit edit in edits)
            if (edit.Rows is not null)
                throw edit.Wrong("rows are those of one batch, and here there are many; leave rows out");
            else if (Missed(edit, lengths, passes) is { } what)
                throw edit.Wrong(what);
    }

    /// <summary>Says for each edit what it names and a generation did not have.</summary>
    /// <param name="edits">The edits.</param>
    /// <param name="prompts">[B]: the tokens of each prompt.</param>
    /// <param name="added">[B]: the tokens added to each.</param>
    /// <returns>One sentence an edit that missed something.</returns>
    public static IReadOnlyList<string> MissedBy(
        IEnumerable<Edit> edits, IReadOnlyList<int> prompts, IReadOnlyList<int> added)
    {
        ArgumentNullException.ThrowIfNull(edits);
        return [.. edits.Select(e => Missed(e, prompts, added) is { } what ? e.Wrong(what).Message : null)
            .OfType<string>()];
    }

    static string? Missed(Edit edit, IReadOnlyList<int> lengths, IReadOnlyList<int>? passes = null)
    {
        if (lengths.Count == 0)
            return null; // another check refuses a run without rows
        (int Length, int Passes)[] rows = [.. Enumerable.Range(0, lengths.Count)
            .Where(b => edit.Rows is null || edit.Rows.Contains(b))
            .Select(b => (lengths[b], passes?[b] ?? 1)).Where(r => r.Item2 > 0)];
        if (rows.Length == 0)
            return "its rows are none, so it does nothing; expected at least one row";
        int last = rows.Max(r => r.Passes) - 1;
        if (edit.Steps is { Count: 0 })
            return "its steps are none, so it does nothing; expected at least one step";
        foreach (int step in edit.Steps ?? [])
            if (step > last)
                return $"step {step} is never reached; "
                    + (passes is null ? "a single pass is step 0" : $"the last step is {last}");
        return MissedPosition(edit, rows);
    }

    static string? MissedPosition(Edit edit, (int Length, int Passes)[] rows)
    {
        EditPositions asked = edit.Positions;
        if (asked.Listed is { Count: 0 })
            return "its positions are none, so it does nothing; expected at least one position";
        IEnumerable<(int? Position, EditPositions Alone)> parts = asked.Listed is { } list
            ? list.Select(p => ((int?)p, EditPositions.List([p])))
            : asked.FromPosition is { } from ? [(from, asked)] : [];
        foreach ((int? position, EditPositions alone) in parts)
            if (!rows.Any(row => Touches(edit, alone, row.Length, row.Passes)))
                return $"no row has position {position}"
                    + (edit.Steps is null ? "" : $" in {(edit.Steps.Count == 1 ? "step" : "steps")} "
                        + string.Join(", ", edit.Steps))
                    + $"; the longest has 0 to {rows.Max(r => r.Length + r.Passes) - 2}, or -1 from its end";
        return null;
    }

    static bool Touches(Edit edit, EditPositions positions, int length, int passes)
    {
        for (int step = 0; step < passes; step++)
            if (edit.Steps is null || edit.Steps.Contains(step))
                for (int t = step == 0 ? 0 : length + step - 1; t < length + step; t++)
                    if (positions.Contains(t, length + step))
                        return true;
        return false;
    }
}
