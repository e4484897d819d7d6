using HeadTap.Lens;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Options of <see cref="LensImportJob"/>.</summary>
public sealed record LensImportOptions
{
    /// <summary>A model folder as Hugging Face keeps it.</summary>
    public required string Model { get; init; }

    /// <summary>Parameters of a tuned lens, .safetensors: a translator for each layer, x + W x + b.</summary>
    public required string Tuned { get; init; }

    /// <summary>The folder of the lens.</summary>
    public required string Out { get; init; }
}

/// <summary>The lens that was written.</summary>
/// <param name="Out">Its folder.</param>
/// <param name="Kind">tuned.</param>
/// <param name="Layers">Number of layers.</param>
public sealed record LensImportResult(string Out, string Kind, int Layers);

/// <summary>Writes a tuned lens that another program trained as a lens folder.</summary>
public static class LensImportJob
{
    /// <summary>Runs the job.</summary>
    /// <exception cref="UserException">The parameters are not the model's, or the folder is not free.
    /// </exception>
    /// <exception cref="OperationCanceledException">The job is to end.</exception>
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
