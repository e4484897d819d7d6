using System.CommandLine;
using HeadTap.Runtime;

namespace HeadTap.Cli;

/// <summary><c>lens import</c>: converts a lens of another program to a lens folder.</summary>
static class LensImportCommand
{
    internal static Command Create(GlobalOptions global)
    {
        Option<string> model = PromptOptions.ModelOption(required: true);
        Option<string?> tuned = new PathOption<string?>("--tuned", PathUse.Reads)
        {
            Description = "parameters of a tuned lens: a translator for each layer, x + W x + b",
            HelpName = "F.safetensors",
        };
        Option<string?> jacobian = new PathOption<string?>("--jacobian", PathUse.Reads)
        {
            Description = "a published Jacobian lens, as torch.save writes it; no code of it is run",
            HelpName = "F.pt",
        };
        Option<string> output = new PathOption<string>("--out", PathUse.WritesFolder)
        {
            Description = "the folder of the lens", HelpName = "DIR", Required = true,
        };
        var command = new Command(
            "import", "Write a tuned or Jacobian lens that another program made as a lens folder")
        {
            model, tuned, jacobian, output,
        };
        command.SetAction(parsed => Run(global.Of(parsed), new LensImportOptions
        {
            Model = parsed.GetValue(model)!,
            Tuned = parsed.GetValue(tuned),
            Jacobian = parsed.GetValue(jacobian),
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
