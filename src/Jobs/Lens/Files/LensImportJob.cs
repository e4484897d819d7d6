using HeadTap.Lens;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Options of <see cref="LensImportJob"/>.</summary>
public sealed record LensImportOptions
{
    /// <summary>Folder of the model, in Hugging Face's format.</summary>
    public required string Model { get; init; }

    /// <summary>
    /// File of a tuned lens's parameters, .safetensors: one translator per layer, x + W x + b. Null with
    /// <see cref="Jacobian"/>.
    /// </summary>
    public string? Tuned { get; init; }

    /// <summary>
    /// File of a published Jacobian lens, .pt as torch.save writes it; null with <see cref="Tuned"/>.
    /// </summary>
    public string? Jacobian { get; init; }

    /// <summary>Folder for the lens.</summary>
    public required string Out { get; init; }
}

/// <summary>The lens that was written.</summary>
/// <param name="Out">Folder of the lens.</param>
/// <param name="Kind">Kind of the lens: tuned or jacobian.</param>
/// <param name="Layers">Number of layers.</param>
public sealed record LensImportResult(string Out, string Kind, int Layers);

/// <summary>Converts a tuned or Jacobian lens of another program to a lens folder.</summary>
public static class LensImportJob
{
    /// <summary>Runs the job and returns its result.</summary>
    /// <exception cref="UserException">The parameters do not fit the model, or the folder already has a
    /// lens.</exception>
    /// <exception cref="OperationCanceledException">The job was cancelled.</exception>
    public static LensImportResult Run(LensImportOptions options, JobContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        if (options.Tuned is null == options.Jacobian is null)
            throw new UserException($"{(options.Tuned is null ? "no file" : "two files")}; expected "
                + $"{Field.Of(nameof(options.Tuned))} or {Field.Of(nameof(options.Jacobian))}");
        string hash = ModelFolder.Hash(options.Model);
        LensOutput.RequireFree(options.Out);
        using ComputeDevice device = context.OpenDevice();
        using LoadedModel loaded = LoadedModel.Open(context, device, options.Model);
        (LensSet lens, LensMetadata facts) = Read(loaded.Model, hash, options);
        using (lens)
            LensFolder.Save(options.Out, facts, lens, lens.Layers.ToHashSet());
        return new LensImportResult(options.Out, LensText.Word(facts.Lens.Kind), facts.Layers.Count);
    }

    static (LensSet, LensMetadata) Read(LanguageModel model, string hash, LensImportOptions options)
    {
        if (options.Jacobian is { } published)
            return PublishedJacobian.Read(model, hash, published);
        LensSet lens = TunedLensImport.Read(model, options.Tuned!);
        return (lens, TunedLensImport.Facts(lens, hash, options.Tuned!));
    }
}
