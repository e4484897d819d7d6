using System.Text.Json;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Serve;

/// <summary>Reads what a model's folder says of the model: config, hash, tokenizer, manifest.</summary>
public static class ModelFacts
{
    /// <summary>Reads the facts.</summary>
    /// <param name="name">Name by which requests ask for it.</param>
    /// <param name="folder">Its folder.</param>
    /// <param name="context">Precision; null for float32.</param>
    /// <exception cref="UserException">A file is missing or damaged.</exception>
    public static ServedModel Read(string name, string folder, JobContext? context = null)
    {
        ArgumentNullException.ThrowIfNull(folder);
        ModelConfig config = ModelFolder.ReadConfig(folder);
        (string? parent, string? edit) = ParentOf(Path.Combine(folder, "manifest.json"));
        long created = Directory.EnumerateFiles(folder, "*.safetensors")
            .Select(f => new DateTimeOffset(File.GetLastWriteTimeUtc(f)).ToUnixTimeSeconds())
            .DefaultIfEmpty().Max();
        var card = new ModelCard(name, created, ModelFolder.Hash(folder), parent, edit, config.ContextLength,
            config.VocabSize, config.Layers, config.Heads, config.Width,
            (context?.Precision ?? Precision.Fp32).ToString().ToLowerInvariant(),
            LicenceOf(Path.Combine(folder, "README.md")));
        return new ServedModel(card, ByteBpeTokenizer.ExistsIn(folder) ? ByteBpeTokenizer.Load(folder) : null)
        {
            Folder = folder,
        };
    }

    // What unlearn wrote: the hash of the unedited weights. A folder without a manifest has no parent.
    static (string? Parent, string? Edit) ParentOf(string manifest)
    {
        try
        {
            if (!File.Exists(manifest))
                return default;
            using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(manifest));
            JsonElement root = json.RootElement;
            string? parent = Text(root, "parent_weights")
                ?? (root.TryGetProperty("options", out JsonElement options)
                    ? Text(options, "parent_weights") : null);
            return parent is null ? default : (parent, Text(root, "command")?.Split(" --")[0]);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or IOException)
        {
            return default;
        }
    }

    static string? Text(JsonElement json, string name) => json.ValueKind == JsonValueKind.Object
        && json.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String
        ? value.GetString() : null;

    // The first lines of a hub's README are between two lines of dashes; one of them is "license: mit".
    static string? LicenceOf(string readme)
    {
        if (!File.Exists(readme))
            return null;
        string[] lines = [.. File.ReadLines(readme).Take(60)];
        if (lines is not ["---", ..])
            return null;
        return lines.Skip(1).TakeWhile(l => l != "---")
            .Where(l => l.StartsWith("license:", StringComparison.Ordinal))
            .Select(l => l["license:".Length..].Trim()).FirstOrDefault();
    }
}
