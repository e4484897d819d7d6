using System.CommandLine;

namespace HeadTap.Cli;

/// <summary>
/// The options of the memorisation measure: <c>--prompt</c>, <c>--continuation</c>, <c>--never-token</c>.
/// </summary>
sealed class RecitalOptions
{
    readonly Option<int?> _prompt = GlobalOptions.OptionalNumber<int>("--prompt",
        "n: tokens of a sequence that the model is given, besides a begin-of-text token");
    readonly Option<int?> _continuation = GlobalOptions.OptionalNumber<int>("--continuation",
        "k: tokens after them that it must write");
    readonly Option<int?> _never = GlobalOptions.OptionalNumber<int>("--never-token",
        "a token that is never written; the reference forbids its end-of-sequence token, 11");

    readonly Option<string> _long = new("--long-rows")
    {
        Description = "a row longer than the context: refuse, leave-out, or shorten, which takes away the "
            + "first tokens of a prompt that has a continuation, and else the row's end",
        HelpName = "RULE", DefaultValueFactory = _ => "refuse",
    };
    readonly TextRuleOptions _rules = new("sequence", lines: false);

    internal void AddTo(Command command)
    {
        foreach (Option option in (Option[])[_prompt, _continuation, _never, _long])
            command.Options.Add(option);
        _rules.AddTo(command);
    }

    internal RecitalRequest Read(ParseResult parsed) => new()
    {
        Prompt = parsed.GetValue(_prompt),
        Continuation = parsed.GetValue(_continuation),
        Rules = _rules.Read(parsed),
        LongRows = parsed.GetValue(_long)!,
        NeverToken = parsed.GetValue(_never),
    };
}
