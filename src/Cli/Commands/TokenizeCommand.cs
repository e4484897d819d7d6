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
        Option<string?> file = new("--text-file") { Description = "a file with the text", HelpName = "F" };
        Option<bool> special = new("--special")
        {
            Description = "read <|endoftext|> as that token instead of as text",
        };
        var command = new Command("tokenize", "Cut a text into tokens") { model, text, file, special };
        command.SetAction(parsed =>
        {
            return Run(global.Of(parsed), new TokenizeOptions
            {
                Model = parsed.GetValue(model)!,
                Text = parsed.GetValue(text),
                TextFile = parsed.GetValue(file),
                Special = parsed.GetValue(special),
            });
        });
        return command;
    }

    static int Run(Invocation run, TokenizeOptions options)
    {
        TokenizeResult result = TokenizeJob.Run(options);
        if (run.Json)
            return run.WriteJson(result, ModelJobsJson.Default.TokenizeResult);
        run.Line(string.Join(',', result.Ids));
        if (run.Quiet)
            return ExitCode.Done;
        Table table = Invocation.Table("piece", "id");
        foreach ((int id, string piece) in result.Ids.Zip(result.Pieces))
            Invocation.Row(table, VisibleText.Of(piece), $"{id}");
        run.Draw(table);
        return ExitCode.Done;
    }
}
