using System.CommandLine;

namespace HeadTap.Cli;

/// <summary>
/// The options of a model and pairs of prompts: <c>--model</c>, and <c>--clean</c>, <c>--corrupt</c>,
/// <c>--answer</c>, <c>--wrong</c> as text or as ids, or <c>--pairs</c>.
/// </summary>
/// <param name="cleanIsEnough">Whether a pair needs no corrupted prompt.</param>
/// <param name="files">Whether the verb also reads files of texts.</param>
sealed class ContrastOptions(bool cleanIsEnough = false, bool files = false)
{
    readonly Option<string> _model = PromptOptions.ModelOption(required: true);
    readonly Option<string?> _clean = Text("--clean", "the prompt that the model answers right");
    readonly Option<string?> _cleanIds = IdsOf("--clean-ids", "the clean prompt as token ids");
    readonly Option<string?> _corrupt = Text("--corrupt", "the prompt whose answer is another");
    readonly Option<string?> _corruptIds = IdsOf("--corrupt-ids", "the corrupted prompt as token ids");
    readonly Option<string?> _answer = Text("--answer",
        "the right answer, one token; a space is put before it unless it begins with one");
    readonly Option<int?> _answerId = Token("--answer-id", "the right answer as a token id");
    readonly Option<string?> _wrong = Text("--wrong", "a wrong answer, one token, as --answer");
    readonly Option<int?> _wrongId = Token("--wrong-id", "the wrong answer as a token id");
    readonly Option<string?> _pairs = new PathOption<string?>("--pairs", PathUse.Reads)
    {
        Description = "a file of pairs, one a line: {\"clean\": ..., \"corrupt\": ..., \"answer\": ..., "
            + "\"wrong\": ...}; prompts as texts or lists of ids",
        HelpName = "F.jsonl",
    };
    readonly TextRuleOptions _rules = new("prompt", files);

    /// <summary>Adds the options to a verb.</summary>
    public void AddTo(Command command)
    {
        foreach (Option option in (Option[])[_model, _clean, _cleanIds, _corrupt, _corruptIds, _answer,
            _answerId, _wrong, _wrongId, _pairs])
            command.Options.Add(option);
        _rules.AddTo(command);
    }

    /// <summary>Returns the pairs of a parsed command line.</summary>
    public ContrastRequest Read(ParseResult parsed) => new()
    {
        Model = parsed.GetValue(_model)!,
        Clean = parsed.GetValue(_clean),
        CleanIds = parsed.GetValue(_cleanIds),
        Corrupt = parsed.GetValue(_corrupt),
        CorruptIds = parsed.GetValue(_corruptIds),
        Answer = parsed.GetValue(_answer),
        AnswerId = parsed.GetValue(_answerId),
        Wrong = parsed.GetValue(_wrong),
        WrongId = parsed.GetValue(_wrongId),
        Pairs = parsed.GetValue(_pairs),
        CleanIsEnough = cleanIsEnough,
        Rules = _rules.Read(parsed),
    };

    static Option<string?> Text(string name, string description)
        => new(name) { Description = description, HelpName = "S" };

    static Option<string?> IdsOf(string name, string description)
        => new(name) { Description = description, HelpName = "1,2,3" };

    static Option<int?> Token(string name, string description)
        => new(name) { Description = description, HelpName = "N" };
}
