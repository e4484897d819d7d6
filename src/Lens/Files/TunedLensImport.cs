using System.Text.Json.Nodes;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Lens;

/// <summary>
/// Imports a tuned lens that another program trained (Belrose et al. 2023). It has one translator per layer,
/// which maps the stream x before the layer to <c>x + W x + b</c>; W is [outputs, inputs], like torch's
/// Linear.
/// </summary>
public static class TunedLensImport
{
    /// <summary>Reads the translators of all layers.</summary>
    /// <param name="model">The model that the lens was trained for.</param>
    /// <param name="path">Safetensors file with <c>layer_translators.0.weight</c> or <c>0.weight</c>, and the
    /// biases, for every layer.</param>
    /// <exception cref="UserException">A layer is missing or has other sizes than the model.</exception>
    public static LensSet Read(LanguageModel model, string path)
    {
        ArgumentNullException.ThrowIfNull(model);
        int L = model.Config.Layers;
        using SafetensorsReader reader = SafetensorsReader.Open(path);
        const string Named = "layer_translators.";
        string prefix =
            reader.Entries.Any(e => e.Name.StartsWith(Named, StringComparison.Ordinal)) ? Named : "";
        for (int l = 0; l < L; l++)
            foreach (string name in (string[])["weight", "bias"])
                if (!reader.Contains($"{prefix}{l}.{name}"))
                    throw new UserException($"{Quoted.Path(path)}: no {prefix}{l}.{name}; expected a "
                        + $"translator for each of the model's {Counted.Of(L, "layer")}");
        if (reader.Contains($"{prefix}{L}.weight"))
            throw new UserException($"{Quoted.Path(path)}: it has a translator for layer {L}, and the model "
                + $"has {Counted.Of(L, "layer")}; expected the model it was trained for");
        LensSet lens = LensSet.Empty(
            model, new LensOptions { Kind = LensKind.Tuned }, [.. Enumerable.Range(0, L)], positions: 1);
        try
        {
            foreach (int layer in lens.Layers)
                foreach (LensParameter p in lens[layer].Parameters)
                    reader.Read($"{prefix}{layer}.{p.Name}", p.Value);
            return lens;
        }
        catch
        {
            lens.Dispose();
            throw;
        }
    }

    /// <summary>Creates the metadata that <see cref="LensFolder.Save"/> needs.</summary>
    /// <param name="lens">Lens from <see cref="Read(LanguageModel, string)"/>.</param>
    /// <param name="modelHash"><see cref="ModelFolder.Hash"/> of the model.</param>
    /// <param name="path">Path of the imported file.</param>
    public static LensMetadata Facts(LensSet lens, string modelHash, string path)
        => LensMetadata.Of(lens, modelHash) with
        {
            Training = new JsonObject
            {
                ["imported"] = Path.GetFileName(path), ["sha256"] = FileHash.Sha256(path),
            },
        };
}
