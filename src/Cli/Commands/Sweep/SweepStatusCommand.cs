using System.CommandLine;
using HeadTap.Runtime;

namespace HeadTap.Cli;

/// <summary><c>sweep status</c>: counts cells that are done, failed and missing.</summary>
static class SweepStatusCommand
{
    internal static Command Create(GlobalOptions global)
    {
        Option<string> dir = SweepCommand.Dir();
        var command = new Command("status", "How many cells are done, which failed and why") { dir };
        command.SetAction(parsed => Run(global.Of(parsed), parsed.GetValue(dir)!));
        return command;
    }

    static int Run(Invocation run, string dir)
    {
        SweepStatusResult status = SweepStatusJob.Run(dir);
        if (run.Json)
            return run.WriteJson(status, SweepJobsJson.Default.SweepStatusResult);
        run.Line($"{status.Verb}: {status.Done} of {Counted.Of(status.Cells, "cell")} done, "
            + $"{status.Failed.Count} failed");
        foreach (FailedCell failed in status.Failed)
            run.Line($"cell {failed.Cell} failed: {failed.Message}");
        if (DamagedCell.Line(status.Damaged) is { } damaged)
            run.Line(damaged);
        if (status.Missing.Length > 0)
            run.Line($"missing: {status.Missing}");
        return ExitCode.Done;
    }
}
