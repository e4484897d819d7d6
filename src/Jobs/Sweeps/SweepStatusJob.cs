using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>A cell that cannot be computed.</summary>
/// <param name="Cell">Number of the cell.</param>
/// <param name="Message">Why, in one line.</param>
public sealed record FailedCell(int Cell, string Message);

/// <summary>A cell whose result is damaged: it counts as missing, and is made again.</summary>
/// <param name="Cell">Number of the cell.</param>
/// <param name="Message">What is wrong with it, in one line.</param>
public sealed record DamagedCell(int Cell, string Message)
{
    /// <summary>One line of several; null for none.</summary>
    public static string? Line(IReadOnlyList<DamagedCell> cells)
    {
        ArgumentNullException.ThrowIfNull(cells);
        return cells is not [var first, ..] ? null
            : $"{Counted.Of(cells.Count, "result")} {Counted.Verb(cells.Count, "is", "are")} damaged and "
                + $"{Counted.Verb(cells.Count, "counts", "count")} as missing, "
                + $"{CellRanges.Text([.. cells.Select(c => c.Cell)])}: {first.Message}";
    }
}

/// <summary>How far a plan is.</summary>
/// <param name="Verb">Verb whose cells are planned.</param>
/// <param name="Cells">Number of cells.</param>
/// <param name="Done">Number of cells that are done.</param>
/// <param name="Failed">Cells whose last try failed; they are missing too.</param>
/// <param name="Damaged">Cells whose result is damaged; they are missing too.</param>
/// <param name="Missing">Cells that are not done as a list such as 3,7-9; empty for none.</param>
public sealed record SweepStatusResult(string Verb, int Cells, int Done, IReadOnlyList<FailedCell> Failed,
    IReadOnlyList<DamagedCell> Damaged, string Missing);

/// <summary>Counts the cells of a plan that are done, failed and missing.</summary>
public static class SweepStatusJob
{
    /// <summary>Runs the job and returns its result.</summary>
    /// <param name="folder">Folder of the plan.</param>
    /// <exception cref="UserException">There is no plan, it was changed, or a result cannot be
    /// read.</exception>
    public static SweepStatusResult Run(string folder)
    {
        PlannedSweep plan = PlannedSweep.Open(folder);
        (int[] done, IReadOnlyList<DamagedCell> damaged) = plan.Store.Check();
        return new(plan.Call.Verb, plan.Count, done.Length, plan.Store.Failures(), damaged,
            CellRanges.Text([.. Enumerable.Range(0, plan.Count).Except(done)]));
    }
}
