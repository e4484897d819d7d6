using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>How predictions of several models become one.</summary>
public enum EnsembleRule
{
    /// <summary>The mean of their probabilities.</summary>
    Probabilities,

    /// <summary>The mean of their logits: the normalised geometric mean of probabilities.</summary>
    Logits,

    /// <summary>The token that most models find most probable; of several, the one with the largest mean
    /// probability. It has no probabilities of its own.</summary>
    Vote,
}

/// <summary>The rules by the names that options have for them.</summary>
public static class EnsembleRules
{
    /// <summary>The names, in the rules' order.</summary>
    public static IReadOnlyList<string> Names { get; } = ["probabilities", "logits", "vote"];

    /// <summary>The name of a rule.</summary>
    public static string Name(this EnsembleRule rule) => Names[(int)rule];

    /// <summary>The rule of a name.</summary>
    /// <param name="name">What was given.</param>
    /// <param name="option">Property that holds it, for the message.</param>
    /// <exception cref="UserException">There is none.</exception>
    public static EnsembleRule Named(string name, string option)
    {
        ArgumentNullException.ThrowIfNull(name);
        int at = Names.ToList().IndexOf(name);
        return at >= 0 ? (EnsembleRule)at : throw new UserException($"{Field.Of(option)} is "
            + $"{Quoted.Name(name)}; expected {string.Join(", ", Names)}{NearestName.Hint(name, Names)}");
    }
}
