using System.CommandLine;
using HeadTap.Runtime;

namespace HeadTap.Cli;

/// <summary>
/// <c>lens convert</c>: converts a head lens to a thin lens, or a thin lens to a head lens.
/// </summary>
static class LensConvertCommand
{
    internal static Command Create(GlobalOptions global)
    {
        Option<string> model = PromptOptions.ModelOption(required: true);
        Option<string> lens = new PathOption<string>("--lens", PathUse.Reads)
        {
            Description = "a folder that lens train wrote", HelpName = "DIR", Required = true,
        };
        Option<string> to = new("--to") { Description = "head or thin", HelpName = "KIND", Required = true };
        Option<string> output = new PathOption<string>("--out", PathUse.WritesFolder)
        {
            Description = "the folder of the converted lens", HelpName = "DIR", Required = true,
        };
        var command = new Command("convert",
            "Write a head lens as a thin one, or a thin one as a head lens: the same logits for every head")
        {
            model, lens, to, output,
        };
        command.SetAction(parsed => Run(global.Of(parsed), new LensConvertOptions
        {
            Model = parsed.GetValue(model)!,
            Lens = parsed.GetValue(lens)!,
            To = parsed.GetValue(to)!,
            Out = parsed.GetValue(output)!,
        }));
        return command;
    }

    static int Run(Invocation run, LensConvertOptions options)
    {
        LensConvertResult made = run.RunJob(context => LensConvertJob.Run(options, context));
        if (run.Json)
            return run.WriteJson(made, LensJobsJson.Default.LensConvertResult);
        run.Line($"{made.From} -> {made.Kind}, {Counted.Of(made.Layers, "layer")}, "
            + $"{MemoryPlan.Text(made.Bytes)}: {made.Out}");
        return ExitCode.Done;
    }
}
