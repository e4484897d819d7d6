using HeadTap.Lens;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Cli.Tests;

/// <summary>Lenses of the tiny model with random parameters, in folders.</summary>
static class TinyLenses
{
    /// <summary>Writes a lens.</summary>
    internal static string Write(TemporaryFolder folder, string name, LensOptions options, int[] layers,
        string? modelHash = null)
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = LanguageModel.Load(device, TinyModel.Folder);
        using LensSet lens = LensSet.Initial(model, options, layers, 4);
        var random = new SeededRandom(3);
        foreach (LensParameter p in layers.SelectMany(l => lens[l].Parameters))
        {
            float[] values = new float[p.Value.Length];
            random.FillNormal(values, 0.2f);
            p.Value.Upload(values);
        }
        LensMetadata facts = LensMetadata.Of(lens, modelHash ?? ModelFolder.Hash(TinyModel.Folder));
        LensFolder.Save(folder[name], facts, lens, layers.ToHashSet(), new long[TinyModel.Config.VocabSize]);
        return folder[name];
    }
}
