using System.CommandLine;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Cli;

/// <summary>
/// <c>--model</c>, once or several times, and <c>--ensemble</c>: how predictions become one.
/// </summary>
sealed class EnsembleOptions
{
    readonly Option<string?> _rule = Rule("with several --model: the mean of their probabilities or logits, "
        + "or the token that most find most probable; probabilities unless given");

    /// <summary>The option of a rule.</summary>
    /// <param name="description">What it does in a verb.</param>
    internal static Option<string?> Rule(string description) => new("--ensemble")
    {
        Description = description, HelpName = string.Join('|', EnsembleRules.Names),
    };

    /// <summary>The rule that is given; null where none is.</summary>
    /// <exception cref="UserException">It is unknown.</exception>
    internal static EnsembleRule? Given(ParseResult parsed, Option<string?> rule)
        => parsed.GetValue(rule) is { } name ? EnsembleRules.Named(name, "Ensemble") : null;

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
        EnsembleRule? rule = Given(parsed, _rule);
        if (rule is not null && folders.Length == 1)
            throw new UserException("--ensemble says nothing with one --model; leave it out, or name more");
        return (folders[0], folders[1..], rule ?? EnsembleRule.Probabilities);
    }
}
