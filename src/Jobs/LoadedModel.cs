using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>A model read from a folder, with processed weights if requested.</summary>
public sealed class LoadedModel : IDisposable
{
    LoadedModel(LanguageModel model) => Model = model;

    /// <summary>The model, owned by this object.</summary>
    public LanguageModel Model { get; }

    /// <summary>Reads a model from a folder onto a device.</summary>
    /// <param name="context">Context of the job; cancellation is checked before the weights are read.</param>
    /// <param name="device">Device for the weights.</param>
    /// <param name="folder">Folder of the model, in Hugging Face's format.</param>
    /// <param name="processed">Whether to rewrite the weights as TransformerLens does.</param>
    /// <param name="allowNonfinite">Whether to take weights that are NaN or infinite; a remark names
    /// them.</param>
    /// <param name="begin">Token that begins a text; null for the config's.</param>
    /// <exception cref="UserException">A file is missing or damaged, a weight is not finite, or the model
    /// does not fit.</exception>
    /// <exception cref="OperationCanceledException">The job was cancelled.</exception>
    public static LoadedModel Open(JobContext context, ComputeDevice device, string folder,
        bool processed = false, bool allowNonfinite = false, int? begin = null)
    {
        LanguageModel model = Load(context, device, folder, allowNonfinite);
        if (processed)
            using (LanguageModel raw = model)
                model = WeightProcessing.TransformerLens(raw);
        if (begin is not null)
            model.BeginOfText = begin;
        return new(model);
    }

    /// <summary>Reads a model, with a remark on all that is unusual in its folder.</summary>
    /// <exception cref="UserException">As <see cref="Open"/>.</exception>
    /// <exception cref="OperationCanceledException">The job was cancelled.</exception>
    internal static LanguageModel Load(
        JobContext context, ComputeDevice device, string folder, bool allowNonfinite = false)
    {
        ArgumentNullException.ThrowIfNull(context);
        context.Cancel.ThrowIfCancellationRequested();
        LanguageModel model = LanguageModel.Load(device, folder, allowNonfinite);
        RemarkOn(context, folder);
        if (model.NonfiniteWeights is { } line)
            context.Remark?.Invoke(line);
        return model;
    }

    /// <summary>Remarks on what is unusual in a model's folder.</summary>
    internal static void RemarkOn(JobContext context, string folder)
    {
        if (context.Remark is not { } remark)
            return;
        foreach (string line in ModelFolder.Remarks(folder))
            remark(line);
    }

    /// <summary>Frees the model's memory.</summary>
    public void Dispose() => Model.Dispose();
}
