using System.CommandLine;
using System.Globalization;

namespace HeadTap.Cli;

/// <summary><c>grad</c>: computes the loss or a metric of a batch and writes its gradient.</summary>
static class GradCommand
{
    internal static Command Create(GlobalOptions global)
    {
        var prompt = new PromptOptions();
        Option<string> output = new PathOption<string>("--out", PathUse.WritesFile)
        {
            Description = "a .safetensors file", HelpName = "F.safetensors", Required = true,
        };
        Option<string?> edit = TraceCommand.EditOption();
        Option<string?> sites = new("--sites")
        {
            Description = "also the gradients at these sites, globs with commas between them",
            HelpName = "GLOB[,GLOB]",
        };
        Option<string?> of = new("--of")
        {
            Description = "instead of the loss, a metric of the logits after each prompt; its mean over the "
                + "prompts is differentiated. Tokens are ids or words",
            HelpName = "logit-diff:A,B|logprob:A",
        };
        var command = new Command("grad",
            "Mean next-token cross-entropy of the prompts and its gradient for every parameter");
        prompt.AddTo(command);
        foreach (Option option in (Option[])[output, edit, sites, of])
            command.Options.Add(option);
        command.SetAction(parsed => Run(global.Of(parsed), new GradOptions
        {
            Prompt = prompt.Request(parsed),
            Out = parsed.GetValue(output)!,
            Edit = parsed.GetValue(edit),
            Sites = parsed.GetValue(sites),
            Of = parsed.GetValue(of),
        }));
        return command;
    }

    static int Run(Invocation run, GradOptions options)
    {
        if (options.Of is not null)
            return RunOf(run, options);
        GradResult result = run.RunJob(context => GradJob.Run(options, context));
        if (run.Json)
            return run.WriteJson(result, ModelJobsJson.Default.GradResult);
        run.Line(string.Create(CultureInfo.InvariantCulture, $"loss {result.Loss:R}"));
        return ExitCode.Done;
    }

    static int RunOf(Invocation run, GradOptions options)
    {
        GradOfResult result = run.RunJob(context => GradJob.OfMetric(options, context));
        if (run.Json)
            return run.WriteJson(result, ModelJobsJson.Default.GradOfResult);
        run.Line(string.Create(CultureInfo.InvariantCulture, $"{result.Of} {result.Value:R}"));
        return ExitCode.Done;
    }
}
