using HeadTap.Lens;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Options of <see cref="LensMergeJob"/>.</summary>
public sealed record LensMergeOptions
{
    /// <summary>Folder of the model, in Hugging Face's format.</summary>
    public required string Model { get; init; }

    /// <summary>Folders of Jacobian lenses that were fitted on parts of the texts; two or more.</summary>
    public required IReadOnlyList<string> Lenses { get; init; }

    /// <summary>Folder for the merged lens.</summary>
    public required string Out { get; init; }
}

/// <summary>The lens that was written.</summary>
/// <param name="Out">Folder of the lens.</param>
/// <param name="Site">The stream that it reads.</param>
/// <param name="Layers">Number of layers.</param>
/// <param name="Prompts">Number of prompts of all parts.</param>
public sealed record LensMergeResult(string Out, string Site, int Layers, int Prompts);

/// <summary>
/// Merges Jacobian lenses of parts of the texts, each weighted by its number of prompts.
/// </summary>
public static class LensMergeJob
{
    /// <summary>Runs the job and returns its result.</summary>
    /// <exception cref="UserException">The lenses are not parts of one fit, or the folder has a
    /// lens.</exception>
    /// <exception cref="OperationCanceledException">The job was cancelled.</exception>
    public static LensMergeResult Run(LensMergeOptions options, JobContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        ModelConfig config = ModelFolder.ReadConfig(options.Model);
        IReadOnlyList<LensMetadata> facts =
            JacobianMerge.Require(options.Lenses, config, ModelFolder.Hash(options.Model));
        LensOutput.RequireFree(options.Out);
        using ComputeDevice device = context.OpenDevice();
        using LoadedModel loaded = LoadedModel.Open(context, device, options.Model);
        context.Cancel.ThrowIfCancellationRequested();
        LensMetadata made = JacobianMerge.Run(loaded.Model, options.Lenses, facts, options.Out);
        return new(options.Out, made.Lens.Site!.Value.Word(), made.Layers.Count, made.Steps[0]);
    }
}
