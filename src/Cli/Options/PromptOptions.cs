using System.CommandLine;

namespace HeadTap.Cli;

/// <summary>
/// The options of a model and its prompts: <c>--model</c> and one of <c>--text</c>, <c>--text-file</c>,
/// <c>--ids</c>, <c>--batch</c>.
/// </summary>
/// <param name="lines">Whether <c>--prompts</c> is also a choice.</param>
/// <param name="ensemble">Where <c>--model</c> may be given several times; null for a verb of one
/// model.</param>
sealed class PromptOptions(bool lines = false, EnsembleOptions? ensemble = null)
{
    readonly Option<string> _model = ModelOption(required: true);
    readonly Option<string?> _text = new("--text") { Description = "the prompt", HelpName = "S" };
    readonly Option<string?> _file = new PathOption<string?>("--text-file", PathUse.Reads)
    {
        Description = "a file of prompts: .jsonl, .json and .csv have one a row; a plain text is one prompt, "
            + "or with --lines one a line",
        HelpName = "F",
    };
    readonly Option<string?> _ids = new("--ids")
    {
        Description = "the prompt as token ids", HelpName = "1,2,3",
    };
    readonly Option<string?> _batch = new PathOption<string?>("--batch", PathUse.Reads)
    {
        Description = "a JSON file with several prompts: a list of lists of token ids, or of texts",
        HelpName = "FILE.json",
    };
    readonly Option<string?> _lines = new PathOption<string?>("--prompts", PathUse.Reads)
    {
        Description = "a text file with several prompts, one a line; as --text-file with --lines",
        HelpName = "FILE",
    };
    readonly TextRuleOptions _rules = new();

    /// <summary>Adds the options to a verb.</summary>
    public void AddTo(Command command)
    {
        if (ensemble is null)
            command.Options.Add(_model);
        else
            ensemble.AddTo(command);
        foreach (Option option in (Option[])[_text, _file, _ids, _batch])
            command.Options.Add(option);
        _rules.AddTo(command);
        if (lines)
            command.Options.Add(_lines);
    }

    /// <summary>Returns the prompts of a parsed command line.</summary>
    public PromptRequest Request(ParseResult parsed) => new()
    {
        Model = ensemble is null ? parsed.GetValue(_model)! : ensemble.Read(parsed).Model,
        Text = parsed.GetValue(_text),
        TextFile = parsed.GetValue(_file),
        Ids = parsed.GetValue(_ids),
        Batch = parsed.GetValue(_batch),
        Prompts = lines ? parsed.GetValue(_lines) : null,
        Rules = _rules.Read(parsed),
        TakesPrompts = lines,
    };

    internal static Option<string> ModelOption(bool required)
        => new PathOption<string>("--model", PathUse.Reads)
    {
        Description = "a model folder as Hugging Face keeps it", HelpName = "DIR", Required = required,
    };

    internal static Option<string?> OtherOption()
        => new PathOption<string?>("--other", PathUse.Reads)
    {
        Description = "a second model of the same shape, beside the first, such as its edited child",
        HelpName = "DIR",
    };
}
