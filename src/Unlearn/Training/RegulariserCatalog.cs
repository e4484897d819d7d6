using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Unlearn;

/// <summary>Every regulariser, in the order of the paper's table.</summary>
public static class RegulariserCatalog
{
    /// <summary>Their names.</summary>
    public static IReadOnlyList<string> Names { get; } =
        [SpectralNorm.CommandName, LossTruncation.CommandName, ExampleTiedDropout.CommandName];

    /// <summary>A regulariser for the training of a model.</summary>
    /// <param name="name">One of <see cref="Names"/>.</param>
    /// <param name="model">That will be trained.</param>
    /// <param name="options">spectral-norm reads Lambda, loss-truncation Share and Record,
    /// example-tied-dropout Share and Probability.</param>
    /// <param name="form">Only example-tied-dropout has a reference form.</param>
    /// <param name="seed">Of what is drawn.</param>
    /// <exception cref="UserException">There is none of that name, or an option is out of its
    /// range.</exception>
    public static TrainingRegulariser Named(
        string name, LanguageModel model, MethodOptions options, MethodForm form, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(options);
        return name switch
        {
            SpectralNorm.CommandName => new SpectralNorm(model, options.Lambda ?? 0.01f, seed),
            LossTruncation.CommandName => new LossTruncation(
                model.Device, options.Share ?? 0.05f, options.Record ?? LossTruncation.PublishedRecord),
            ExampleTiedDropout.CommandName => new ExampleTiedDropout(
                options.Share ?? 0.2f, options.Probability ?? 0.1f, form, seed),
            _ => throw new UserException($"{Quoted.Name(name)} is no regulariser; expected one of "
                + string.Join(", ", Names)),
        };
    }
}
