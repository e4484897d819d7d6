using System.CommandLine;
using HeadTap.Runtime;

namespace HeadTap.Cli;

/// <summary><c>lens merge</c>: merges Jacobian lenses that were fitted on parts of the texts.</summary>
static class LensMergeCommand
{
    internal static Command Create(GlobalOptions global)
    {
        Option<string> model = PromptOptions.ModelOption(required: true);
        Option<string[]> lenses = new PathOption<string[]>("--lens", PathUse.Reads)
        {
            Description = "folders of Jacobian lenses, two or more", HelpName = "LENSDIR", Required = true,
            AllowMultipleArgumentsPerToken = true,
        };
        Option<string> output = new PathOption<string>("--out", PathUse.WritesFolder)
        {
            Description = "the folder of the merged lens", HelpName = "LENSDIR", Required = true,
        };
        var command = new Command("merge",
            "Merge Jacobian lenses of parts of the texts, each weighted by its number of prompts")
        {
            model, lenses, output,
        };
        command.SetAction(parsed => Run(global.Of(parsed), new LensMergeOptions
        {
            Model = parsed.GetValue(model)!,
            Lenses = parsed.GetValue(lenses)!,
            Out = parsed.GetValue(output)!,
        }));
        return command;
    }

    static int Run(Invocation run, LensMergeOptions options)
    {
        LensMergeResult made = run.RunJob(context => LensMergeJob.Run(options, context));
        if (run.Json)
            return run.WriteJson(made, LensJobsJson.Default.LensMergeResult);
        run.Line($"{made.Site}, {Counted.Of(made.Layers, "layer")}, "
            + $"{Counted.Of(made.Prompts, "prompt")}: {made.Out}");
        return ExitCode.Done;
    }
}
