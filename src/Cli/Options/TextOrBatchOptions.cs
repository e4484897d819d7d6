using System.CommandLine;

namespace HeadTap.Cli;

/// <summary>The texts of a loss: <c>--text-file</c> or <c>--batch</c>, and the rules of texts.</summary>
sealed class TextOrBatchOptions
{
    readonly Option<string?> _file = new PathOption<string?>("--text-file", PathUse.Reads)
    {
        Description = "the texts; .jsonl, .json and .csv have one a row, other files one document or several "
            + "with <|endoftext|> between them",
        HelpName = "F",
    };
    readonly Option<string?> _batch = new PathOption<string?>("--batch", PathUse.Reads)
    {
        Description = "a JSON file with a list of lists of token ids, or of texts", HelpName = "FILE.json",
    };
    readonly TextRuleOptions _rules = new("document");

    /// <summary>Adds the options to a verb.</summary>
    internal void AddTo(Command command)
    {
        command.Options.Add(_file);
        command.Options.Add(_batch);
        _rules.AddTo(command);
    }

    /// <summary>Returns the texts of a parsed command line.</summary>
    internal TextOrBatchRequest Read(ParseResult parsed) => new()
    {
        TextFile = parsed.GetValue(_file), Batch = parsed.GetValue(_batch), Rules = _rules.Read(parsed),
    };
}
