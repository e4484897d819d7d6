using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>A model read from a folder, processed if asked for.</summary>
public sealed class LoadedModel : IDisposable
{
    LoadedModel(LanguageModel model) => Model = model;

    /// <summary>The model, owned by this object.</summary>
    public LanguageModel Model { get; }

    /// <summary>Reads a folder onto a device.</summary>
    /// <param name="context">Its cancellation is looked at before the weights are read.</param>
    /// <param name="device">Where the weights go.</param>
    /// <param name="folder">A model folder as Hugging Face keeps it.</param>
    /// <param name="processed">Rewrites the weights as TransformerLens does.</param>
    /// <exception cref="UserException">A file is missing or damaged, or the model does not fit.</exception>
    /// <exception cref="OperationCanceledException">The job is to end.</exception>
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
