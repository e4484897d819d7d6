using System.CommandLine;
using System.Text.Json.Nodes;
using HeadTap.Models;
using Spectre.Console;

namespace HeadTap.Cli;

/// <summary><c>tokenize</c>: a text as token ids and pieces.</summary>
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
            Invocation run = global.Of(parsed);
            string input = PromptOptions.OneText(parsed.GetValue(text), parsed.GetValue(file));
            return Run(run, parsed.GetValue(model)!, input, parsed.GetValue(special));
        });
        return command;
    }

    static int Run(Invocation run, string model, string text, bool special)
    {
        ByteBpeTokenizer tokenizer = ByteBpeTokenizer.Load(model);
        int[] ids = tokenizer.Encode(text, special);
        if (run.Json)
        {
            run.WriteJson(new JsonObject
            {
                ["count"] = ids.Length,
                ["ids"] = new JsonArray([.. ids.Select(id => (JsonNode)id)]),
                ["pieces"] = new JsonArray([.. ids.Select(id => (JsonNode)tokenizer.TokenText(id))]),
            });
            return ExitCode.Done;
        }
        run.Line(string.Join(',', ids));
        if (run.Quiet)
            return ExitCode.Done;
        Table table = Invocation.Table("piece", "id");
        foreach (int id in ids)
            Invocation.Row(table, PromptOptions.Visible(tokenizer.TokenText(id)), $"{id}");
        run.Draw(table);
        return ExitCode.Done;
    }
}
