using System.CommandLine;
using HeadTap.Runtime;

namespace HeadTap.Cli;

/// <summary><c>generate</c>: continues prompts.</summary>
static class GenerateCommand
{
    internal static Command Create(GlobalOptions global)
    {
        var models = new EnsembleOptions();
        var prompt = new PromptOptions(ensemble: models);
        Option<int> tokens = GlobalOptions.Number("--max-new-tokens", 32, "most tokens to add");
        Option<float> temperature = GlobalOptions.Number("--temperature", 1f, "logits are divided by it");
        Option<int> topK = GlobalOptions.Number("--top-k", 0,
            "draw from the K most likely tokens; 0 takes all");
        Option<float> topP = GlobalOptions.Number("--top-p", 1f,
            "draw from the most likely tokens that have probability P together");
        Option<bool> greedy = new("--greedy")
        {
            Description = "always the most likely token; so without --temperature, --top-k and --top-p",
        };
        Option<int?> stop = GlobalOptions.OptionalNumber<int>("--stop",
            "a token id that ends a text; without it only --max-new-tokens does");
        Option<string?> edit = TraceCommand.EditOption();
        Option<bool> processed = TraceCommand.ProcessedOption();
        var command = new Command("generate", "Continue prompts");
        prompt.AddTo(command);
        foreach (Option option in (Option[])[tokens, temperature, topK, topP, greedy, stop, edit, processed])
            command.Options.Add(option);
        command.SetAction(parsed => Run(global.Of(parsed), new GenerateOptions
        {
            Prompt = prompt.Request(parsed),
            Others = models.Read(parsed).Others, Ensemble = models.Read(parsed).Rule,
            MaxNewTokens = parsed.GetValue(tokens),
            Temperature = GlobalOptions.Given(parsed, temperature),
            TopK = GlobalOptions.Given(parsed, topK),
            TopP = GlobalOptions.Given(parsed, topP),
            Greedy = parsed.GetValue(greedy),
            Stop = parsed.GetValue(stop) ?? -1,
            Edit = parsed.GetValue(edit),
            Processed = parsed.GetValue(processed),
        }));
        return command;
    }

    static int Run(Invocation run, GenerateOptions options)
    {
        GenerateResult result = run.RunJob(context => GenerateJob.Run(options, context));
        if (run.Json)
            run.WriteJson(result.Texts, ModelJobsJson.Default.IReadOnlyListGeneratedText);
        else
            foreach (GeneratedText text in result.Texts)
                run.Line(text.Text is null ? string.Join(',', text.NewIds) : text.PromptText + text.Text);
        run.Remark($"{Counted.Of(result.Tokens, "token")}, {result.TokensPerSecond:0.0} a second");
        return ExitCode.Done;
    }
}
