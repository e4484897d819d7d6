using System.CommandLine;

namespace HeadTap.Cli;

/// <summary><c>sweep missing</c>: lists the cells that are not done, as job arrays take lists.</summary>
static class SweepMissingCommand
{
    internal static Command Create(GlobalOptions global)
    {
        Option<string> dir = SweepCommand.Dir();
        Option<int?> chunk = SweepCommand.Chunk("list chunks of N cells, as sweep run --chunk N counts them");
        var command = new Command("missing",
            "The cells that are not done, such as 3,7-9; prints nothing when all are")
        {
            dir, chunk,
        };
        command.SetAction(parsed => Run(global.Of(parsed), parsed.GetValue(dir)!, parsed.GetValue(chunk)));
        return command;
    }

    static int Run(Invocation run, string dir, int? chunk)
    {
        SweepMissingResult missing = SweepMissingJob.Run(dir, chunk);
        if (run.Json)
            return run.WriteJson(missing, SweepJobsJson.Default.SweepMissingResult);
        // The list is read by a script, so this goes to the other output.
        if (DamagedCell.Line(missing.Damaged) is { } damaged)
            run.Remark(damaged);
        if (missing.Count > 0)
            run.Line(missing.Missing);
        return ExitCode.Done;
    }
}
