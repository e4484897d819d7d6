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
    /// File of a tuned lens's parameters, .safetensors: one translator per layer, x + W x + b.
    /// </summary>
    public required string Tuned { get; init; }

    /// <summary>Folder for the lens.</summary>
    public required string Out { get; init; }
}

/// <summary>The lens that was written.</summary>
/// <param name="Out">Folder of the lens.</param>
/// <param name="Kind">Kind of the lens: tuned.</param>
/// <param name="Layers">Number of layers.</param>
public sealed record LensImportResult(string Out, string Kind, int Layers);

/// <summary>Converts a tuned lens of another program to a lens folder.</summary>
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
        string hash = ModelFolder.Hash(options.Model);
        LensOutput.RequireFree(options.Out);
        using ComputeDevice device = context.OpenDevice();
        using LoadedModel loaded = LoadedModel.Open(context, device, options.Model);
        using LensSet lens = TunedLensImport.Read(loaded.Model, options.Tuned);
        LensFolder.Save(options.Out, TunedLensImport.Facts(lens, hash, options.Tuned), lens,
            lens.Layers.ToHashSet());
        return new LensImportResult(options.Out, LensText.Word(LensKind.Tuned), lens.Layers.Count);
    }
}
