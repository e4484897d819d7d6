using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Lens;

/// <summary>
/// Everything that determines the result of a lens training: options, kind of lens, model and texts.
/// </summary>
sealed class LensCall
{
    const string ConfigField = "config", TextsField = "texts", DeviceField = "device",
        PrecisionField = "precision", LensField = "lens";

    readonly LensTrainingOptions _options;

    internal LensCall(LensOptions lens, LensTrainingOptions options, string modelHash, string textsHash)
    {
        _options = options;
        JsonObject json = options.ToJson();
        json[LensField] = LensMetadata.Json(lens);
        Manifest = new Manifest
        {
            Command = "lens train", Options = json, Seed = options.Seed, ModelHash = modelHash,
            DataHash = textsHash,
        };
    }

    /// <summary>Manifest for the start record of the folder.</summary>
    internal Manifest Manifest { get; }

    /// <summary>Returns the SHA-256 of options, model and texts, for checkpoints.</summary>
    internal string Hash()
    {
        JsonObject config = Manifest.Options.DeepClone().AsObject();
        config["model"] = Manifest.ModelHash;
        config[TextsField] = Manifest.DataHash;
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(config.ToJsonString())));
    }

    /// <summary>Returns the description of the training for the lens' metadata.</summary>
    internal JsonObject Training(ComputeDevice device)
    {
        JsonObject training = _options.ToJson();
        training[ConfigField] = Hash();
        training[TextsField] = Manifest.DataHash;
        training[DeviceField] = device.Name;
        training[PrecisionField] = device.Precision.ManifestName();
        return training;
    }

    /// <summary>
    /// Reads the metadata of the lens in a folder; null if there is none. The metadata names the training
    /// call, so a folder without a start record can also be checked.
    /// </summary>
    /// <exception cref="UserException">Another call trained the lens.</exception>
    internal LensMetadata? ReadFacts(RunFolder folder)
    {
        if (!File.Exists(folder.At(LensFolder.WeightsFile)))
            return null;
        LensMetadata facts = LensFolder.ReadFacts(folder.Path);
        if (facts.Training?[ConfigField]?.GetValue<string>() != Hash())
            throw Another(folder, facts);
        // A kill between writing the two files leaves an old lens.json; this replaces it.
        AtomicFile.WriteText(folder.At(LensFolder.FactsFile), facts + "\n");
        return facts;
    }

    UserException Another(RunFolder folder, LensMetadata facts)
    {
        if (facts.Training is { } training)
        {
            JsonObject options = training.DeepClone().AsObject();
            foreach (string field in (string[])[ConfigField, TextsField, DeviceField, PrecisionField])
                options.Remove(field);
            options[LensField] = LensMetadata.Json(facts.Lens);
            folder.Require(Manifest with
            {
                Options = options, ModelHash = facts.ModelHash,
                DataHash = training[TextsField]?.GetValue<string>(),
            }, LensFolder.FactsFile, Manifest);
        }
        return new($"{Quoted.Path(folder.Path)}: the lens there was not trained by this call; expected the "
            + "call that trained it, or another folder");
    }
}
