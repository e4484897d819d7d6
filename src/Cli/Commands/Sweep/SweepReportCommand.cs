using System.CommandLine;

namespace HeadTap.Cli;

/// <summary><c>sweep report</c>: writes and prints what the planned verb itself writes and prints.</summary>
static class SweepReportCommand
{
    internal static Command Create(GlobalOptions global)
    {
        Option<string> dir = SweepCommand.Dir();
        Option<string?> output = new PathOption<string?>("--out", PathUse.WritesFolder)
        {
            Description = "the folder of the verb's files; report in the plan's folder unless given",
            HelpName = "DIR",
        };
        var command = new Command("report",
            "The table, page and JSON that the planned verb would have made, from the cells")
        {
            dir, output,
        };
        command.SetAction(parsed => Run(global.Of(parsed), parsed.GetValue(dir)!, parsed.GetValue(output)));
        return command;
    }

    static int Run(Invocation run, string dir, string? output)
    {
        ISweepResult result = run.RunJob(context => SweepReportJob.Run(dir, output, context));
        switch (result)
        {
            case InjectSweepResult found:
                InjectSweepCommand.Show(run, found);
                break;
            case UnlearnSweepResult found:
                UnlearnTable.Print(run, found);
                break;
            case LandscapeLineResult found:
                LandscapeLineCommand.Show(run, found);
                break;
            case LandscapePlaneResult found:
                LandscapePlaneCommand.Show(run, found);
                break;
            default:
                throw new InvalidOperationException($"nothing prints {result.GetType()}");
        }
        return ExitCode.Done;
    }
}
