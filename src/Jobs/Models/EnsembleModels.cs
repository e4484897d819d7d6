using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>The models of an ensemble, on one device.</summary>
sealed class EnsembleModels : IDisposable
{
    readonly List<LoadedModel> _loaded = [];

    /// <summary>The models, in order.</summary>
    internal IReadOnlyList<LanguageModel> Models => [.. _loaded.Select(l => l.Model)];

    /// <summary>Checks that models predict the same tokens, before any is loaded.</summary>
    /// <returns>The shortest of their contexts.</returns>
    /// <exception cref="UserException">They do not, or a folder is no model.</exception>
    internal static int Require(IReadOnlyList<string> folders)
    {
        ModelConfig first = ModelFolder.ReadConfig(folders[0]);
        int context = first.ContextLength;
        foreach (string folder in folders.Skip(1))
        {
            ModelConfig config = ModelFolder.ReadConfig(folder);
            if (config.VocabSize != first.VocabSize)
                throw new UserException($"{Quoted.Path(folder)} has a vocabulary of {config.VocabSize} "
                    + $"tokens and {Quoted.Path(folders[0])} of {first.VocabSize}; only models of one "
                    + "vocabulary make an ensemble");
            context = Math.Min(context, config.ContextLength);
        }
        OneVocabulary.Require(folders, "make an ensemble");
        return context;
    }

    /// <summary>Loads them.</summary>
    /// <exception cref="UserException">One cannot be read, or they do not fit the device.</exception>
    internal static EnsembleModels Open(
        JobContext context, ComputeDevice device, IReadOnlyList<string> folders, bool processed = false)
    {
        var all = new EnsembleModels();
        try
        {
            foreach (string folder in folders)
                all._loaded.Add(LoadedModel.Open(context, device, folder, processed));
            return all;
        }
        catch
        {
            all.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        foreach (LoadedModel model in _loaded)
            model.Dispose();
    }
}
