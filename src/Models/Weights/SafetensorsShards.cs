using System.Text.Json;
using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>
/// One set of tensors in one safetensors file, or in several that a <c>.index.json</c> lists: names to files
/// under
/// <c>weight_map</c>. The index and the files must agree on every name.
/// </summary>
public sealed class SafetensorsShards : IDisposable
{
    readonly string _path;
    readonly bool _mapped;
    readonly List<SafetensorsReader> _readers = [];
    readonly List<SafetensorsEntry> _entries = [];
    readonly Dictionary<string, (SafetensorsReader Reader, SafetensorsEntry Entry)> _byName =
        new(StringComparer.Ordinal);

    SafetensorsShards(string path, bool mapped) => (_path, _mapped) = (path, mapped);

    /// <summary>The files that hold the tensors, in order of their names.</summary>
    public IReadOnlyList<string> Files { get; private set; } = [];

    /// <summary>Whether the file is a checkpoint of a training: its weights are in memory's order, and what
    /// else it holds is not among the tensors.</summary>
    internal bool HoldsState { get; private set; }

    /// <summary>Every tensor, file by file.</summary>
    public IEnumerable<SafetensorsEntry> Entries => _entries;

    /// <summary>Opens a <c>.safetensors</c> file, or all files of a <c>.safetensors.index.json</c>.</summary>
    /// <exception cref="UserException">A file is missing or wrong, or the index and the files
    /// disagree.</exception>
    public static SafetensorsShards Open(string path) => Open(path, mapped: true);

    /// <summary>See <see cref="SafetensorsReader.Open(string, bool)"/>.</summary>
    internal static SafetensorsShards Open(string path, bool mapped)
    {
        var shards = new SafetensorsShards(path, mapped);
        try
        {
            if (path.EndsWith(".json", StringComparison.OrdinalIgnoreCase))
                shards.OpenAll(ReadIndex(path));
            else
                shards.OpenOne(path, null);
            return shards;
        }
        catch
        {
            shards.Dispose();
            throw;
        }
    }

    /// <summary>Whether a tensor of this name is there.</summary>
    public bool Contains(string name) => _byName.ContainsKey(name);

    /// <summary>The entry of a tensor.</summary>
    /// <exception cref="UserException">No tensor has this name.</exception>
    public SafetensorsEntry Find(string name) => Locate(name).Entry;

    /// <summary>Reads a whole tensor; see <see cref="SafetensorsReader.Read(string,
    /// Span{float})"/>.</summary>
    public void Read(string name, Span<float> destination) => Locate(name).Reader.Read(name, destination);

    /// <summary>Reads part of a tensor; see <see cref="SafetensorsReader.Read(string, long,
    /// Span{float})"/>.</summary>
    public void Read(string name, long start, Span<float> destination) =>
        Locate(name).Reader.Read(name, start, destination);

    /// <summary>See <see cref="SafetensorsReader.NonFinite"/>.</summary>
    internal string? NonFinite(string name) => Locate(name).Reader.NonFinite(name);

    /// <summary>Whether two tensors of one shape hold the same numbers.</summary>
    internal bool SameNumbers(string name, string other)
        => Locate(name).Reader.SameNumbers(name, Locate(other).Reader, other);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (SafetensorsReader reader in _readers)
            reader.Dispose();
    }

    (SafetensorsReader Reader, SafetensorsEntry Entry) Locate(string name) =>
        _byName.TryGetValue(name, out (SafetensorsReader Reader, SafetensorsEntry Entry) found)
            ? found
            : throw new UserException($"{Quoted.Path(_path)}: has no tensor {Quoted.Name(name)}.");

    void OpenAll(Dictionary<string, string> fileByName)
    {
        string folder = Path.GetDirectoryName(Path.GetFullPath(_path))!;
        foreach (string file in fileByName.Values.Distinct().Order(StringComparer.Ordinal))
            OpenOne(Path.Combine(folder, file), fileByName);
        string[] missing = [.. fileByName.Keys.Where(name => !_byName.ContainsKey(name))];
        if (missing.Length > 0)
            throw Bad($"lists {Quoted.Names(missing)}, which its files do not hold");
    }

    void OpenOne(string file, Dictionary<string, string>? fileByName)
    {
        SafetensorsReader reader = SafetensorsReader.Open(file, _mapped);
        _readers.Add(reader);
        Files = [.. Files, file];
        HoldsState |= TrainingCheckpoint.IsOne(reader);
        foreach (SafetensorsEntry entry in TrainingCheckpoint.Weights(reader))
        {
            if (fileByName is not null
                && (!fileByName.TryGetValue(entry.Name, out string? home) || home != Path.GetFileName(file)))
                throw Bad($"does not list {Quoted.Name(entry.Name)} for {Path.GetFileName(file)}, which "
                    + "holds it");
            _byName.Add(entry.Name, (reader, entry));
            _entries.Add(entry);
        }
    }

    UserException Bad(string what) =>
        new($"{Quoted.Path(_path)}: {what}. Fetch the index and its files again.");

    static Dictionary<string, string> ReadIndex(string path)
    {
        using JsonDocument document = InputFile.ReadJsonObject(path);
        if (!document.RootElement.TryGetProperty("weight_map", out JsonElement map)
            || map.ValueKind != JsonValueKind.Object)
            throw new UserException($"{Quoted.Path(path)}: has no weight_map; expected an index of "
                + "safetensors files.");
        var fileByName = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (JsonProperty property in map.EnumerateObject())
        {
            // Only a plain name beside the index: an index must not make us open other files of the machine.
            string? file = property.Value.ValueKind == JsonValueKind.String ? property.Value.GetString()
                : null;
            if (file is null || !file.EndsWith(".safetensors", StringComparison.Ordinal)
                || file.AsSpan().IndexOfAny("/\\:\0") >= 0)
            {
                throw new UserException($"{Quoted.Path(path)}: {Quoted.Json(property.Value)} in "
                    + "weight_map is no safetensors file beside the index.");
            }
            fileByName[property.Name] = file;
        }
        return fileByName;
    }
}
