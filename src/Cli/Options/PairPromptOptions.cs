using System.CommandLine;

namespace HeadTap.Cli;

/// <summary>
/// The options of one pair of prompts: <c>--explicit</c>, <c>--obscure</c>, <c>--bridge</c>, <c>--answer</c>,
/// <c>--bos</c>.
/// </summary>
sealed class PairPromptOptions
{
    readonly Option<string?> _explicit, _obscure, _bridge;
    readonly Option<string?> _answer = new("--answer")
    {
        Description = "the right continuation; the first token of a space and it is followed", HelpName = "S",
    };
    readonly TextRuleOptions _rules = new("prompt", files: false);

    internal PairPromptOptions(bool required)
    {
        _explicit = Text("--explicit", "the single-hop prompt, which names the entity", required);
        _obscure = Text("--obscure", "the multi-hop prompt, which goes round it", required);
        _bridge = Text("--bridge", "the entity that the multi-hop prompt leaves out", required);
    }

    internal void AddTo(Command command)
    {
        foreach (Option option in (Option[])[_explicit, _obscure, _bridge, _answer])
            command.Options.Add(option);
        _rules.AddTo(command);
    }

    /// <summary>Returns the pair of a parsed command line.</summary>
    internal PairPromptRequest Read(ParseResult parsed) => new()
    {
        Explicit = parsed.GetValue(_explicit),
        Obscure = parsed.GetValue(_obscure),
        Bridge = parsed.GetValue(_bridge),
        Answer = parsed.GetValue(_answer),
        Rules = _rules.Read(parsed),
    };

    static Option<string?> Text(string name, string description, bool required)
        => new(name) { Description = description, HelpName = "S", Required = required };
}
