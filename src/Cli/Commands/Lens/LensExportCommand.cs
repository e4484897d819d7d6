using System.CommandLine;
using HeadTap.Runtime;

namespace HeadTap.Cli;

/// <summary><c>lens export</c>: writes a Jacobian lens in the layout of the published ones.</summary>
static class LensExportCommand
{
    internal static Command Create(GlobalOptions global)
    {
        Option<string> model = PromptOptions.ModelOption(required: true);
        Option<string> lens = new PathOption<string>("--lens", PathUse.Reads)
        {
            Description = "a folder of a Jacobian lens at resid_post", HelpName = "LENSDIR", Required = true,
        };
        Option<string> output = new PathOption<string>("--out", PathUse.WritesFile)
        {
            Description = "the file, float16, as torch.save writes it", HelpName = "F.pt", Required = true,
        };
        var command = new Command("export", "Write a Jacobian lens in the layout of the published ones")
        {
            model, lens, output,
        };
        command.SetAction(parsed => Run(global.Of(parsed), new LensExportOptions
        {
            Model = parsed.GetValue(model)!,
            Lens = parsed.GetValue(lens)!,
            Out = parsed.GetValue(output)!,
        }));
        return command;
    }

    static int Run(Invocation run, LensExportOptions options)
    {
        LensExportResult made = run.RunJob(context => LensExportJob.Run(options, context));
        if (run.Json)
            return run.WriteJson(made, LensJobsJson.Default.LensExportResult);
        run.Line($"{Counted.Of(made.Layers, "layer")}, {Counted.Of(made.Prompts, "prompt")}, "
            + $"{MemoryPlan.Text(made.Bytes)}: {made.Out}");
        return ExitCode.Done;
    }
}
