using HeadTap.Lens;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Options of <see cref="LensExportJob"/>.</summary>
public sealed record LensExportOptions
{
    /// <summary>Folder of the model, in Hugging Face's format.</summary>
    public required string Model { get; init; }

    /// <summary>Folder of a Jacobian lens at resid_post.</summary>
    public required string Lens { get; init; }

    /// <summary>File in the published layout, .pt as torch.save writes it.</summary>
    public required string Out { get; init; }
}

/// <summary>The file that was written.</summary>
/// <param name="Out">The file.</param>
/// <param name="Layers">Number of layers.</param>
/// <param name="Prompts">Number of prompts that the lens is the mean of.</param>
/// <param name="Bytes">Size of the file, bytes.</param>
public sealed record LensExportResult(string Out, int Layers, int Prompts, long Bytes);

/// <summary>Writes a Jacobian lens in the layout of the published ones.</summary>
public static class LensExportJob
{
    /// <summary>Runs the job and returns its result.</summary>
    /// <exception cref="UserException">The lens is of another kind or model, the file is there already, or
    /// cannot be written.</exception>
    /// <exception cref="OperationCanceledException">The job was cancelled.</exception>
    public static LensExportResult Run(LensExportOptions options, JobContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        ModelConfig config = ModelFolder.ReadConfig(options.Model);
        string hash = ModelFolder.Hash(options.Model);
        LensMetadata facts = LensFolder.ReadFacts(options.Lens);
        LensFolder.RequireFor(options.Lens, facts, config, hash);
        PublishedJacobian.RequireSite(facts.Lens);
        if (!Path.GetExtension(options.Out).Equals(".pt", StringComparison.OrdinalIgnoreCase))
            throw new UserException($"{Quoted.Path(options.Out)}: the published files end in .pt; expected "
                + "such a name");
        OutputFile.Require(options.Out);
        using ComputeDevice device = context.OpenDevice();
        using LoadedModel loaded = LoadedModel.Open(context, device, options.Model);
        using LensSet lens = LensFolder.Load(loaded.Model, hash, options.Lens, null, positions: 1);
        context.Cancel.ThrowIfCancellationRequested();
        PublishedJacobian.Write(lens, facts, options.Out);
        return new(options.Out, lens.Layers.Count, facts.Steps[0], new FileInfo(options.Out).Length);
    }
}
