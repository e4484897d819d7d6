using System.CommandLine;

namespace HeadTap.Cli;

/// <summary>
/// The options of the memorisation measure: <c>--prompt</c>, <c>--continuation</c>, <c>--never-token</c>.
/// </summary>
sealed class RecitalOptions
{
    readonly Option<int?> _prompt = GlobalOptions.OptionalNumber<int>("--prompt",
        "n: tokens of a sequence that the model is given");
    readonly Option<int?> _continuation = GlobalOptions.OptionalNumber<int>("--continuation",
        "k: tokens after them that it must write");
    readonly Option<int?> _never = GlobalOptions.OptionalNumber<int>("--never-token",
        "a token that is never written; the reference forbids its end-of-sequence token, 11");

    internal void AddTo(Command command)
    {
        foreach (Option option in (Option[])[_prompt, _continuation, _never])
            command.Options.Add(option);
    }

    internal RecitalRequest Read(ParseResult parsed) => new()
    {
        Prompt = parsed.GetValue(_prompt),
        Continuation = parsed.GetValue(_continuation),
        NeverToken = parsed.GetValue(_never),
    };
}
