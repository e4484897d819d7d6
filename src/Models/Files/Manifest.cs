using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>What made an output: one JSON file beside it, enough to make it again.</summary>
public sealed record Manifest
{
    static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };
    static readonly JsonSerializerOptions SnakeCase =
        new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    /// <summary>The verb, or the whole command line.</summary>
    public required string Command { get; init; }

    /// <summary>Every option that was in force, defaults included.</summary>
    public JsonObject Options { get; init; } = [];

    /// <summary>The seed; null if nothing was drawn.</summary>
    public ulong? Seed { get; init; }

    /// <summary><see cref="ModelFolder.Hash"/> of the model.</summary>
    public string? ModelHash { get; init; }

    /// <summary><see cref="FileHash.Sha256"/> of the data.</summary>
    public string? DataHash { get; init; }

    /// <summary>The device's name.</summary>
    public string? Device { get; init; }

    /// <summary>The arithmetic, <c>float32</c> for one.</summary>
    public string? Precision { get; init; }

    /// <summary>This program's version, with its commit where the build knew one.</summary>
    public string CodeVersion { get; init; } = ThisVersion;

    /// <summary>When the output was made; null leaves it out, so that two runs write the same
    /// bytes.</summary>
    public DateTimeOffset? Created { get; init; }

    static string ThisVersion => typeof(Manifest).Assembly
        .GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown";

    /// <summary>Where the manifest of an output lies: inside a folder, beside a file.</summary>
    public static string PathFor(string output) => Directory.Exists(output)
        ? Path.Combine(output, "manifest.json")
        : output + ".manifest.json";

    /// <summary>Refuses a folder that has a manifest already: it holds other work.</summary>
    /// <exception cref="UserException">It has one.</exception>
    public static void RequireNone(string folder)
    {
        if (File.Exists(Path.Combine(folder, RunFolder.ManifestFile)))
            throw new UserException($"{Quoted.Path(folder)}: has a {RunFolder.ManifestFile} of other work; "
                + "expected a new folder");
    }

    /// <summary>Options from a record or an anonymous type; names become snake_case.</summary>
    public static JsonObject OptionsOf<T>(T options) => JsonSerializer.SerializeToNode(
        options, SnakeCase)!.AsObject();

    /// <summary>Writes the manifest of an output that exists already.</summary>
    /// <exception cref="UserException">The place cannot be written.</exception>
    public void WriteBeside(string output) => Write(PathFor(output));

    /// <summary>Writes the manifest.</summary>
    /// <exception cref="UserException">The place cannot be written.</exception>
    public void Write(string path) => AtomicFile.WriteText(path, Text(ToJson()));

    /// <summary>The file's content.</summary>
    internal static string Text(JsonObject json) => json.ToJsonString(Indented) + "\n";

    /// <summary>The manifest's fields, those without a value left out.</summary>
    internal JsonObject ToJson()
    {
        var json = new JsonObject { ["command"] = Command, ["options"] = Options.DeepClone() };
        Add(json, "seed", Seed);
        Add(json, "model_hash", ModelHash);
        Add(json, "data_hash", DataHash);
        Add(json, "device", Device);
        Add(json, "precision", Precision);
        Add(json, "code_version", CodeVersion);
        Add(json, "created", Created?.ToString("O"));
        return json;
    }

    /// <summary>Reads a manifest; fields of newer versions are passed over.</summary>
    /// <exception cref="UserException">It is missing or is no manifest.</exception>
    public static Manifest Read(string path)
    {
        using JsonDocument document = InputFile.ReadJsonObject(path);
        var json = new JsonFields(path, document.RootElement);
        return new Manifest
        {
            Command = json.Text("command", null) ?? throw json.Bad("command", "missing", "text"),
            Options = json.Object("options"),
            Seed = json.UInt64("seed"),
            ModelHash = json.Text("model_hash", null),
            DataHash = json.Text("data_hash", null),
            Device = json.Text("device", null),
            Precision = json.Text("precision", null),
            CodeVersion = json.Text("code_version", "unknown"),
            Created = json.Time("created"),
        };
    }

    static void Add(JsonObject json, string field, JsonNode? value)
    {
        if (value is not null)
            json[field] = value;
    }
}
