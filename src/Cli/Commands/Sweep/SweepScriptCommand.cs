using System.CommandLine;

namespace HeadTap.Cli;

/// <summary><c>sweep script</c>: prints the script that gives the cells to an engine.</summary>
static class SweepScriptCommand
{
    internal static Command Create(GlobalOptions global)
    {
        Option<string> dir = SweepCommand.Dir();
        Option<string> engine = new("--for")
        {
            Description = "the engine that runs the tasks",
            HelpName = string.Join('|', SweepScriptJob.Engines),
            Required = true,
        };
        Option<int?> chunk = SweepCommand.Chunk("cells of a task; unless given as few as make 1000 tasks or "
            + "less");
        var command = new Command("script",
            "The script that gives the cells to an engine; nothing is submitted")
        {
            dir, engine, chunk,
        };
        command.SetAction(parsed => Run(global.Of(parsed), parsed.GetValue(dir)!, parsed.GetValue(engine)!,
            parsed.GetValue(chunk)));
        return command;
    }

    static int Run(Invocation run, string dir, string engine, int? chunk)
    {
        SweepScriptResult script = SweepScriptJob.Run(dir, engine, chunk);
        if (run.Json)
            return run.WriteJson(script, SweepJobsJson.Default.SweepScriptResult);
        run.Out.Write(script.Text);
        return ExitCode.Done;
    }
}
