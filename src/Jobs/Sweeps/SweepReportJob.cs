using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Makes of the cells of a plan what the verb itself would have made.</summary>
public static class SweepReportJob
{
    /// <summary>Writes the files of the verb and returns its result.</summary>
    /// <param name="folder">Folder of the plan.</param>
    /// <param name="output">Folder of the verb's files; null for <c>report</c> in the plan's
    /// folder.</param>
    /// <param name="context">Context of the job; no device is opened.</param>
    /// <exception cref="UserException">Cells are missing or damaged, come from devices of two kinds, or the
    /// folder cannot be written.</exception>
    public static ISweepResult Run(string folder, string? output, JobContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        PlannedSweep plan = PlannedSweep.Open(folder);
        (int[] done, IReadOnlyList<DamagedCell> damaged) = plan.Store.Check();
        int[] missing = [.. Enumerable.Range(0, plan.Count).Except(done)];
        if (missing.Length > 0)
            throw new UserException($"{Quoted.Path(folder)}: {missing.Length} of "
                + $"{Counted.Of(plan.Count, "cell")} {Counted.Verb(missing.Length, "is", "are")} missing, "
                + Quoted.Line(CellRanges.Text(missing))
                + (damaged is [var first, ..] ? $" ({damaged.Count} damaged; {first.Message})" : "")
                + "; run headtap sweep run for them first");
        CellSweep sweep = plan.Read(plan.ContextOf(context));
        RunDevice device = plan.Store.Read(0).Device;
        for (int cell = 1; cell < plan.Count; cell++)
        {
            RunDevice other = plan.Store.Read(cell).Device;
            if (other.Kind != device.Kind || other.Precision != device.Precision)
                throw new UserException($"{Quoted.Path(folder)}: cell 0 was computed on {device.Name} and "
                    + $"cell {cell} on {other.Name}; expected devices of one kind, whose bits are the same");
            device = RunDevice.Shared(device, other);
        }
        return sweep.Report(output ?? Path.Combine(folder, "report"),
            Enumerable.Range(0, plan.Count).Select(cell => plan.Store.Read(cell).Rows), device, context);
    }
}
