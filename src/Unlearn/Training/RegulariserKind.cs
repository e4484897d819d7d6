using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Unlearn;

/// <summary>The declaration of a regulariser, and the function that makes it for a model.</summary>
/// <param name="Name">Name that users choose it by.</param>
/// <param name="Paper">Publications that describe it.</param>
/// <param name="Equation">Equation of the regulariser.</param>
/// <param name="Options">Options that it reads.</param>
/// <param name="Make">Function that makes it for a model to train, with option values, form and seed.</param>
public sealed record RegulariserKind(string Name, string Paper, string Equation,
    IReadOnlyList<MethodOption> Options,
    Func<LanguageModel, MethodSettings, MethodForm, ulong, TrainingRegulariser> Make) : IDeclaredMethod
{
    /// <summary>Makes the regulariser for the training of a model.</summary>
    /// <param name="model">Model to train.</param>
    /// <param name="given">Given option values.</param>
    /// <param name="form">Form; only example-tied-dropout has a reference form.</param>
    /// <param name="seed">Seed of random numbers.</param>
    /// <exception cref="UserException">The regulariser does not read an option, or a value is out of
    /// range.</exception>
    public TrainingRegulariser For(LanguageModel model, MethodSettings given, MethodForm form, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(given);
        given.Require(this);
        return Make(model, given, form, seed);
    }
}
