using System.CommandLine;
using HeadTap.Runtime;

namespace HeadTap.Cli;

/// <summary><c>lens import</c>: converts a tuned lens of another program to a lens folder.</summary>
static class LensImportCommand
{
    internal static Command Create(GlobalOptions global)
    {
        Option<string> model = PromptOptions.ModelOption(required: true);
        Option<string> tuned = new PathOption<string>("--tuned", PathUse.Reads)
        {
            Description = "parameters of a tuned lens: a translator for each layer, x + W x + b",
            HelpName = "F.safetensors", Required = true,
        };
        Option<string> output = new PathOption<string>("--out", PathUse.WritesFolder)
        {
            Description = "the folder of the lens", HelpName = "DIR", Required = true,
        };
        var command = new Command(
            "import", "Write a tuned lens that another program trained as a lens folder")
        {
            model, tuned, output,
        };
        command.SetAction(parsed => Run(global.Of(parsed), new LensImportOptions
        {
            Model = parsed.GetValue(model)!,
            Tuned = parsed.GetValue(tuned)!,
            Out = parsed.GetValue(output)!,
        }));
        return command;
    }

    static int Run(Invocation run, LensImportOptions options)
    {
        LensImportResult made = run.RunJob(context => LensImportJob.Run(options, context));
        if (run.Json)
            return run.WriteJson(made, LensJobsJson.Default.LensImportResult);
        run.Line($"{made.Kind}, {Counted.Of(made.Layers, "layer")}: {made.Out}");
        return ExitCode.Done;
    }
}
