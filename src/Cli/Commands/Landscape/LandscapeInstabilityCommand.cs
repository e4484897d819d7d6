using System.CommandLine;
using Spectre.Console;

namespace HeadTap.Cli;

/// <summary><c>landscape instability</c>: finds from which step on a training ends in one basin.</summary>
sealed class LandscapeInstabilityCommand
{
    readonly Option<string> _config = new PathOption<string>("--config", PathUse.Reads)
    {
        Description = "the training, a file as train takes it", HelpName = "FILE", Required = true,
        Further = NamedFiles.InCurrentFolder,
    };

    readonly Option<int[]> _at = new("--at")
    {
        Description = "a step at which two children part; may be given several times; 0 and 1/16, 1/8, 1/4 "
            + "and 1/2 of the run unless given",
        HelpName = "K",
    };

    readonly Option<int> _points =
        GlobalOptions.Number("--points", 31, "points of the line between children");

    readonly Option<double> _threshold = GlobalOptions.Number(
        "--threshold", 0.02, "largest rise of the error between children that counts as stable");

    readonly Option<string> _out = LandscapeCommand.Out<string>(
        "folder of the run; the same call goes on where it stopped", required: true);

    internal Command Create(GlobalOptions global)
    {
        var command = new Command("instability", "Train two children of a run from steps on with rows in "
            + "other orders, and find the first step whose children end in one basin")
        {
            _config, _at, _points, _threshold, _out,
        };
        command.SetAction(parsed => Run(global.Of(parsed), new LandscapeInstabilityOptions
        {
            Config = parsed.GetValue(_config)!, At = parsed.GetValue(_at) ?? [],
            Points = parsed.GetValue(_points), Threshold = parsed.GetValue(_threshold),
            Out = parsed.GetValue(_out)!,
        }));
        return command;
    }

    static int Run(Invocation run, LandscapeInstabilityOptions options)
    {
        LandscapeInstabilityResult result =
            run.RunJob(context => LandscapeInstabilityJob.Run(options, context));
        if (run.Json)
            return run.WriteJson(result, LandscapeJobsJson.Default.LandscapeInstabilityResult);
        Table table = Invocation.Table("step", "error", "loss");
        foreach (InstabilityRow c in result.Children)
            Invocation.Row(table, $"{c.Step}", $"{c.ErrorInstability:0.00%}", $"{c.LossInstability:0.0000}");
        run.Draw(table);
        run.Line(result.StableFrom is { } step ? $"stable from step {step}"
            : "stable from no step asked for");
        return ExitCode.Done;
    }
}
