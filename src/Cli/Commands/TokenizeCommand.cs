using System.CommandLine;
using Spectre.Console;

namespace HeadTap.Cli;

/// <summary><c>tokenize</c>: prints a text as token ids and pieces.</summary>
static class TokenizeCommand
{
    internal static Command Create(GlobalOptions global)
    {
        Option<string> model = PromptOptions.ModelOption(required: true);
        Option<string?> text = new("--text") { Description = "the text", HelpName = "S" };
        Option<string?> file = new PathOption<string?>("--text-file", PathUse.Reads)
        {
            Description = "a file of texts: .jsonl, .json and .csv have one a row; a plain text is one, or "
                + "with --lines one a line",
            HelpName = "F",
        };
        var rules = new TextRuleOptions("text");
        var command = new Command("tokenize", "Cut a text into tokens") { model, text, file };
        rules.AddTo(command);
        command.SetAction(parsed =>
        {
            return Run(global.Of(parsed), new TokenizeOptions
            {
                Model = parsed.GetValue(model)!,
                Text = parsed.GetValue(text),
                TextFile = parsed.GetValue(file),
                Rules = rules.Read(parsed),
            });
        });
        return command;
    }

    static int Run(Invocation run, TokenizeOptions options)
    {
        IReadOnlyList<TokenizeResult> results = TokenizeJob.All(options, run.Context);
        if (run.Json)
            return results is [var one] ? run.WriteJson(one, ModelJobsJson.Default.TokenizeResult)
                : run.WriteJson(results, ModelJobsJson.Default.IReadOnlyListTokenizeResult);
        foreach (TokenizeResult result in results)
            Print(run, result);
        return ExitCode.Done;
    }

    static void Print(Invocation run, TokenizeResult result)
    {
        run.Line(string.Join(',', result.Ids));
        if (run.Quiet)
            return;
        Table table = Invocation.Table("piece", "id");
        foreach ((int id, string piece) in result.Ids.Zip(result.Pieces))
            Invocation.Row(table, VisibleText.Of(piece), $"{id}");
        run.Draw(table);
    }
}
