using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>A cell that cannot be computed.</summary>
/// <param name="Cell">Number of the cell.</param>
/// <param name="Message">Why, in one line.</param>
public sealed record FailedCell(int Cell, string Message);

/// <summary>How far a plan is.</summary>
/// <param name="Verb">Verb whose cells are planned.</param>
/// <param name="Cells">Number of cells.</param>
/// <param name="Done">Number of cells that are done.</param>
/// <param name="Failed">Cells whose last try failed; they are missing too.</param>
/// <param name="Missing">Cells that are not done as a list such as 3,7-9; empty for none.</param>
public sealed record SweepStatusResult(
    string Verb, int Cells, int Done, IReadOnlyList<FailedCell> Failed, string Missing);

/// <summary>Counts the cells of a plan that are done, failed and missing.</summary>
public static class SweepStatusJob
{
    /// <summary>Runs the job and returns its result.</summary>
    /// <param name="folder">Folder of the plan.</param>
    /// <exception cref="UserException">There is no plan, or it was changed.</exception>
    public static SweepStatusResult Run(string folder)
    {
        PlannedSweep plan = PlannedSweep.Open(folder);
        int[] done = plan.Store.Done();
        return new(plan.Call.Verb, plan.Count, done.Length, plan.Store.Failures(),
            CellRanges.Text([.. Enumerable.Range(0, plan.Count).Except(done)]));
    }
}
