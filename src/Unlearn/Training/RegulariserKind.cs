using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Unlearn;

/// <summary>A regulariser before there is a model: its name and options, and how to make it.</summary>
/// <param name="Name">The name by which it is chosen.</param>
/// <param name="Paper">The publications that it comes from.</param>
/// <param name="Equation">What it computes.</param>
/// <param name="Options">The options that it reads.</param>
/// <param name="Make">Makes it for a model that is to be trained, with options, form and seed.</param>
public sealed record RegulariserKind(string Name, string Paper, string Equation,
    IReadOnlyList<MethodOption> Options,
    Func<LanguageModel, MethodSettings, MethodForm, ulong, TrainingRegulariser> Make) : IDeclaredMethod
{
    /// <summary>Makes it for the training of a model.</summary>
    /// <param name="model">The model that will be trained.</param>
    /// <param name="given">Values of its options.</param>
    /// <param name="form">Only example-tied-dropout has a reference form.</param>
    /// <param name="seed">Of what is drawn.</param>
    /// <exception cref="UserException">It does not read an option, or a value is out of range.</exception>
    public TrainingRegulariser For(LanguageModel model, MethodSettings given, MethodForm form, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(given);
        given.Require(this);
        return Make(model, given, form, seed);
    }
}
