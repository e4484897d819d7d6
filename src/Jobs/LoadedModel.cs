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
    /// <param name="begin">The token that begins a text; null for the config's.</param>
    /// <exception cref="UserException">A file is missing or damaged, or the model does not fit.</exception>
    /// <exception cref="OperationCanceledException">The job was cancelled.</exception>
    public static LoadedModel Open(JobContext context, ComputeDevice device, string folder,
        bool processed = false, int? begin = null)
    {
        ArgumentNullException.ThrowIfNull(context);
        context.Cancel.ThrowIfCancellationRequested();
        LanguageModel model = LanguageModel.Load(device, folder);
        if (processed)
            using (LanguageModel raw = model)
                model = WeightProcessing.TransformerLens(raw);
        if (begin is not null)
            model.BeginOfText = begin;
        return new(model);
    }

    /// <summary>Frees the model's memory.</summary>
    public void Dispose() => Model.Dispose();
}
