using System.CommandLine;
using HeadTap.Runtime;

namespace HeadTap.Cli;

/// <summary><c>sweep run</c>: computes cells of a plan.</summary>
sealed class SweepRunCommand
{
    readonly Option<string> _dir = SweepCommand.Dir(PathUse.WritesFolder);
    readonly Option<int?> _cell = GlobalOptions.OptionalNumber<int>("--cell",
        "one cell, from 0; all of them without --cell, --array and --range");
    readonly Option<bool> _array = new("--array")
    {
        Description = "the cell of this task of a job array: SLURM_ARRAY_TASK_ID, PBS_ARRAY_INDEX, "
            + "SGE_TASK_ID or LSB_JOBINDEX",
    };
    readonly Option<string?> _range = new("--range")
    {
        Description = "some cells: 0-3, or a list such as 3,7-9", HelpName = "A-B",
    };
    readonly Option<int?> _chunk = SweepCommand.Chunk("the three above count chunks of N cells");
    readonly Option<int> _jobs = GlobalOptions.Number("--jobs", 1,
        "cells computed at once, each with a model of its own");

    internal static Command Create(GlobalOptions global) => new SweepRunCommand().Make(global);

    Command Make(GlobalOptions global)
    {
        var command = new Command("run", "Compute cells that are not done; may be killed and repeated")
        {
            _dir, _cell, _array, _range, _chunk, _jobs,
        };
        command.SetAction(parsed => Run(global.Of(parsed), new SweepRunOptions
        {
            Dir = parsed.GetValue(_dir)!, Cell = parsed.GetValue(_cell), Array = parsed.GetValue(_array),
            Range = parsed.GetValue(_range), Chunk = parsed.GetValue(_chunk), Jobs = parsed.GetValue(_jobs),
        }));
        return command;
    }

    static int Run(Invocation run, SweepRunOptions options)
    {
        run.CanRunAgain();
        SweepRunResult result = run.RunJob(context => SweepRunJob.Run(options, context));
        if (run.Json)
            run.WriteJson(result, SweepJobsJson.Default.SweepRunResult);
        else
            Print(run, result);
        return result.Interrupted ? run.StopCode : result.Failed.Count > 0 ? ExitCode.Defect
            : result.Elsewhere.Count > 0 ? ExitCode.Again : ExitCode.Done;
    }

    static void Print(Invocation run, SweepRunResult result)
    {
        run.Line($"{result.Before + result.Computed} of {Counted.Of(result.Asked, "cell")} done, "
            + $"{result.Computed} by this call"
            + (result.Failed.Count > 0 ? $"; {result.Failed.Count} failed" : "")
            + (result.Interrupted ? "; interrupted, the same call goes on" : ""));
        foreach (FailedCell failed in result.Failed)
            run.Line($"cell {failed.Cell} failed: {failed.Message}");
        foreach (ClaimedCell claimed in result.Elsewhere)
            run.Line($"cell {claimed.Cell} is left to {claimed.Holder}, which works on it");
    }
}
