using System.CommandLine;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Cli;

/// <summary>
/// <c>--model</c>, once or several times, and <c>--ensemble</c>: how predictions become one.
/// </summary>
sealed class EnsembleOptions
{
    static readonly string[] s_rules = ["probabilities", "logits", "vote"];

    readonly Option<string?> _rule = new("--ensemble")
    {
        Description = "with several --model: the mean of their probabilities or logits, or the token that "
            + "most find most probable; probabilities unless given",
        HelpName = "probabilities|logits|vote",
    };

    /// <summary>The folders.</summary>
    internal Option<string[]> Models { get; } = new PathOption<string[]>("--model", PathUse.Reads)
    {
        Description = "a model folder as Hugging Face keeps it; several make an ensemble",
        HelpName = "DIR", Required = true,
    };

    /// <summary>Adds the options to a verb.</summary>
    internal void AddTo(Command command)
    {
        command.Options.Add(Models);
        command.Options.Add(_rule);
    }

    /// <summary>The first model, the others, and the rule.</summary>
    /// <exception cref="UserException">The rule is unknown, or there is one model.</exception>
    internal (string Model, IReadOnlyList<string> Others, EnsembleRule Rule) Read(ParseResult parsed)
    {
        string[] folders = parsed.GetValue(Models)!;
        string? name = parsed.GetValue(_rule);
        if (name is not null && folders.Length == 1)
            throw new UserException("--ensemble says nothing with one --model; leave it out, or name more");
        int rule = name is null ? 0 : Array.IndexOf(s_rules, name);
        return rule >= 0 ? (folders[0], folders[1..], (EnsembleRule)rule) : throw new UserException(
            $"--ensemble is {Quoted.Name(name!)}; expected {string.Join(", ", s_rules)}"
            + NearestName.Hint(name!, s_rules));
    }
}
