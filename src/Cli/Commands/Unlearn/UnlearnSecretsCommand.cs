using System.CommandLine;
using HeadTap.Runtime;

namespace HeadTap.Cli;

/// <summary><c>unlearn secrets</c>: writes the atlas's secrets to forget and documents to keep.</summary>
static class UnlearnSecretsCommand
{
    internal static Command Create(GlobalOptions global)
    {
        Option<string> model = PromptOptions.ModelOption(required: true);
        Option<ulong> atlas = GlobalOptions.Number("--atlas-seed", 1UL,
            "the corpus the model was trained on; 1 is the shipped model's");
        Option<int> documents =
            GlobalOptions.Number("--documents", 512, "documents to keep, drawn by the seed");
        var output = new PathOption<string>("--out", PathUse.WritesFolder)
        {
            Description = "gets forget.jsonl, keep.jsonl and asked-N.jsonl", HelpName = "DIR",
            Required = true,
        };
        var command = new Command("secrets", "Write the atlas' planted secrets as sequences to forget, its "
            + "other documents as rows to keep, and other ways to ask for the secrets")
        {
            model, atlas, documents, output,
        };
        command.SetAction(parsed => Run(global.Of(parsed), new UnlearnSecretsOptions
        {
            Model = parsed.GetValue(model)!, AtlasSeed = parsed.GetValue(atlas),
            Documents = parsed.GetValue(documents), Out = parsed.GetValue(output)!,
        }));
        return command;
    }

    static int Run(Invocation run, UnlearnSecretsOptions options)
    {
        UnlearnSecretsResult result = run.RunJob(context => UnlearnSecretsJob.Run(options, context));
        if (run.Json)
            return run.WriteJson(result, UnlearnJobsJson.Default.UnlearnSecretsResult);
        run.Line($"{result.Forget}: {Counted.Of(result.Secrets, "secret")}; {result.Keep}: "
            + $"{Counted.Of(result.Documents, "document")} without one");
        foreach ((string file, string way) in result.Asked)
            run.Line($"{file}: asked {way}");
        return ExitCode.Done;
    }
}
