using System.CommandLine;
using Spectre.Console;

namespace HeadTap.Cli;

/// <summary><c>trace</c>: runs a forward pass and writes the values at the requested sites.</summary>
static class TraceCommand
{
    internal static Command Create(GlobalOptions global)
    {
        var prompt = new PromptOptions();
        Option<string?> sites = new("--sites")
        {
            Description = "sites to record, globs with commas between them, like blocks.*.attn.hook_z; "
                + "without it a table of all steps is printed",
            HelpName = "GLOB[,GLOB]",
        };
        Option<string?> output = new PathOption<string?>("--out", PathUse.WritesFile)
        {
            Description = "a .safetensors file (a name without an ending is one too), or .npy for one "
                + "site",
            HelpName = "F.safetensors",
        };
        Option<string?> edit = EditOption();
        Option<bool> processed = ProcessedOption();
        Option<bool> nonfinite = NonfiniteOption("run and record them");
        var command = new Command("trace", "Run a model and write what it computed at any site");
        prompt.AddTo(command);
        foreach (Option option in (Option[])[sites, output, edit, processed, nonfinite])
            command.Options.Add(option);
        command.SetAction(parsed =>
        {
            var options = new TraceOptions
            {
                Prompt = prompt.Request(parsed),
                Sites = parsed.GetValue(sites),
                Out = parsed.GetValue(output),
                Edit = parsed.GetValue(edit),
                Processed = parsed.GetValue(processed),
                AllowNonfinite = parsed.GetValue(nonfinite),
            };
            Invocation run = global.Of(parsed);
            return options is { Sites: null, Out: null } ? PrintSteps(run, options) : Write(run, options);
        });
        return command;
    }

    internal static Option<string?> EditOption() => new PathOption<string?>("--edit", PathUse.Reads)
    {
        Description = "a JSON file of edits to apply while the model runs", HelpName = "SPEC.json",
        Further = NamedFiles.Beside,
    };

    internal static Option<bool> ProcessedOption() => new("--processed")
    {
        Description = "run the weights as TransformerLens rewrites them (LayerNorm folded, centred)",
    };

    /// <param name="then">What the verb does with them.</param>
    internal static Option<bool> NonfiniteOption(string then) => new("--allow-nonfinite")
    {
        Description = $"do not refuse NaN and infinity in weights and logits, but {then}",
    };

    static int Write(Invocation run, TraceOptions options)
    {
        TraceResult result = run.RunJob(context => TraceJob.Run(options, context));
        if (run.Json)
            return run.WriteJson(result, ModelJobsJson.Default.TraceResult);
        if (run.Quiet)
            return ExitCode.Done;
        Table table = Invocation.Table("tensor", "shape");
        foreach ((string name, int[] shape) in result.Tensors)
            Invocation.Row(table, name, Text(shape));
        run.Draw(table);
        run.Line($"written: {result.Out}");
        return ExitCode.Done;
    }

    static int PrintSteps(Invocation run, TraceOptions options)
    {
        IReadOnlyList<TraceStep> steps = run.RunJob(context => TraceJob.Steps(options, context));
        if (run.Json)
            return run.WriteJson(steps, ModelJobsJson.Default.IReadOnlyListTraceStep);
        Table table = Invocation.Table("step", "shape", "norm");
        foreach (TraceStep step in steps)
            Invocation.Row(table, step.Step, Text(step.Shape), $"{step.Norm:0.0000}");
        run.Draw(table);
        return ExitCode.Done;
    }

    static string Text(IReadOnlyList<int> shape) => $"[{string.Join(", ", shape)}]";
}
