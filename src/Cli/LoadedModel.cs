using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Cli;

/// <summary>A model read from a folder, processed if asked for.</summary>
sealed class LoadedModel : IDisposable
{
    LoadedModel(LanguageModel model) => Model = model;

    public LanguageModel Model { get; }

    /// <summary>Reads a folder onto a device.</summary>
    /// <exception cref="UserException">A file is missing or damaged, or the model does not fit.</exception>
    internal static LoadedModel Open(Invocation run, ComputeDevice device, string folder,
        bool processed = false)
    {
        run.Cancel.ThrowIfCancellationRequested();
        LanguageModel model = LanguageModel.Load(device, folder);
        if (!processed)
            return new(model);
        using (model)
            return new(WeightProcessing.TransformerLens(model));
    }

    public void Dispose() => Model.Dispose();
}
