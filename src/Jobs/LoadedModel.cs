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
    /// <exception cref="UserException">A file is missing or damaged, or the model does not fit.</exception>
    /// <exception cref="OperationCanceledException">The job was cancelled.</exception>
    public static LoadedModel Open(JobContext context, ComputeDevice device, string folder,
        bool processed = false)
    {
        ArgumentNullException.ThrowIfNull(context);
        context.Cancel.ThrowIfCancellationRequested();
        LanguageModel model = LanguageModel.Load(device, folder);
        if (!processed)
            return new(model);
        using (model)
            return new(WeightProcessing.TransformerLens(model));
    }

    /// <summary>Frees the model's memory.</summary>
    public void Dispose() => Model.Dispose();
}
