using System.CommandLine;

namespace HeadTap.Cli;

/// <summary>The options of verbs over pairs of prompts: the model, the data and how to read them.</summary>
sealed class PairOptions
{
    readonly Option<string> _model = PromptOptions.ModelOption(required: true);
    readonly Option<string> _data = new PathOption<string>("--data", PathUse.Reads)
    {
        Description = "pairs of prompts: .jsonl as inject data writes, or one of the published .csv layouts",
        HelpName = "F", Required = true,
    };
    readonly Option<string?> _split = new("--split")
    {
        Description = "only pairs of this part of the data, such as validation", HelpName = "NAME",
    };
    readonly Option<int> _limit = GlobalOptions.Number("--limit", 0, "only the first N pairs; 0 takes all");
    readonly Option<string> _weights = InjectCommand.WeightsOption();
    readonly TextRuleOptions _rules = new("prompt", files: false);

    /// <summary>Adds the options to a verb.</summary>
    internal void AddTo(Command command)
    {
        foreach (Option option in (Option[])[_model, _data, _split, _limit, _weights])
            command.Options.Add(option);
        _rules.AddTo(command);
    }

    /// <summary>Returns the pairs of a parsed command line.</summary>
    internal PairRequest Read(ParseResult parsed) => new()
    {
        Model = parsed.GetValue(_model)!,
        Data = parsed.GetValue(_data)!,
        Split = parsed.GetValue(_split),
        Limit = parsed.GetValue(_limit),
        Weights = parsed.GetValue(_weights)!,
        Rules = _rules.Read(parsed),
    };
}
