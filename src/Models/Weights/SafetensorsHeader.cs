// The header of a safetensors file:
//
//     8 bytes   N, little endian
//     N bytes   JSON  { "__metadata__": { text: text }, name: { "dtype", "shape", "data_offsets" }, ... }
//     the rest  data; the offsets count from here
//
// Nothing is believed before it is checked: the tensors must tile the data exactly, without overlap, hole or
// rest. Allocation is at most proportional to N, which is at most the file.

using System.Text.Json;
using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>One tensor of a safetensors file.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Dtype">The type of its elements.</param>
/// <param name="Shape">Its extents, row-major; empty for a scalar.</param>
/// <param name="Length">Its number of elements.</param>
public sealed record SafetensorsEntry(string Name, SafetensorsDtype Dtype, long[] Shape, long Length)
{
    /// <summary>Where its bytes begin, counted from the start of the data.</summary>
    internal long Begin { get; init; }

    /// <summary>Name, type and shape, for messages.</summary>
    public override string ToString() => $"{Quoted.Name(Name)} {Dtype.Text()} {Quoted.Shape(Shape)}";
}

/// <summary>Parses and checks a header.</summary>
ref struct SafetensorsHeader
{
    /// <summary>The format's own limit.</summary>
    internal const int MostBytes = 100_000_000;

    const int DeepestJson = 4; // root, tensor, list; one to spare
    const int MostAxes = 16;

    readonly string _path;
    readonly long _dataBytes;
    readonly Dictionary<string, SafetensorsEntry> _entries = new(StringComparer.Ordinal);
    Dictionary<string, string>? _metadata;
    Utf8JsonReader _json;

    SafetensorsHeader(string path, ReadOnlySpan<byte> json, long dataBytes)
    {
        (_path, _dataBytes) = (path, dataBytes);
        _json = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = DeepestJson });
    }

    /// <summary>Reads every entry, in the order of the data.</summary>
    /// <exception cref="UserException">Anything at all is wrong with the header.</exception>
    internal static (List<SafetensorsEntry> Entries, Dictionary<string, string> Metadata) Parse(
        string path, ReadOnlySpan<byte> json, long dataBytes)
    {
        var header = new SafetensorsHeader(path, json, dataBytes);
        try
        {
            header.ReadRoot();
        }
        // Utf8JsonReader throws InvalidOperationException for text that is not UTF-8 or half a surrogate
        // pair.
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw header.Bad($"its header is not valid JSON ({Quoted.Line(e.Message)})");
        }
        return (header.InOrder(), header._metadata ?? []);
    }

    readonly UserException Bad(string what) => new(
        $"{Quoted.Path(_path)}: {what}. The file is damaged or is no safetensors file; fetch or write it "
            + "again.");

    void ReadRoot()
    {
        Expect(JsonTokenType.StartObject, "header");
        while (_json.Read() && _json.TokenType == JsonTokenType.PropertyName)
        {
            string name = _json.GetString()!;
            if (name == "__metadata__")
                ReadMetadata();
            else if (!_entries.TryAdd(name, ReadEntry(name)))
                throw Bad($"tensor {Quoted.Name(name)} is listed twice");
        }
        while (_json.Read())
        {
        }
    }

    void ReadMetadata()
    {
        if (_metadata is not null)
            throw Bad("__metadata__ is listed twice");
        _metadata = new Dictionary<string, string>(StringComparer.Ordinal);
        Expect(JsonTokenType.StartObject, "__metadata__");
        while (_json.Read() && _json.TokenType == JsonTokenType.PropertyName)
        {
            string key = _json.GetString()!;
            Expect(JsonTokenType.String, "a value of __metadata__");
            if (!_metadata.TryAdd(key, _json.GetString()!))
                throw Bad($"metadata {Quoted.Name(key)} is listed twice");
        }
    }

    SafetensorsEntry ReadEntry(string name)
    {
        SafetensorsDtype? dtype = null;
        long[]? shape = null, offsets = null;
        Expect(JsonTokenType.StartObject, $"tensor {Quoted.Name(name)}");
        while (_json.Read() && _json.TokenType == JsonTokenType.PropertyName)
        {
            if (_json.ValueTextEquals("dtype"u8) && dtype is null)
                dtype = ReadDtype(name);
            else if (_json.ValueTextEquals("shape"u8) && shape is null)
                shape = ReadNumbers(name, "shape", MostAxes);
            else if (_json.ValueTextEquals("data_offsets"u8) && offsets is null)
                offsets = ReadNumbers(name, "data_offsets", 2);
            else
                throw Bad($"tensor {Quoted.Name(name)} has the unexpected or repeated field "
                    + $"{Quoted.Name(_json.GetString()!)}");
        }
        if (dtype is null || shape is null || offsets is not { Length: 2 })
            throw Bad($"tensor {Quoted.Name(name)} needs dtype, shape and two data_offsets");
        return Checked(name, dtype.Value, shape, offsets[0], offsets[1]);
    }

    readonly SafetensorsEntry Checked(string name, SafetensorsDtype dtype, long[] shape, long begin, long end)
    {
        if (end < begin || end > _dataBytes)
            throw Bad($"tensor {Quoted.Name(name)} lies at [{begin}, {end}) but the data has {_dataBytes} "
                + "bytes");
        long length = 1;
        try
        {
            foreach (long extent in shape)
                length = checked(length * extent);
            if (checked(length * dtype.Bytes()) == end - begin)
                return new SafetensorsEntry(name, dtype, shape, length) { Begin = begin };
        }
        catch (OverflowException)
        {
            throw Bad($"tensor {Quoted.Name(name)} has the impossible shape {Quoted.Shape(shape)}");
        }
        throw Bad($"tensor {Quoted.Name(name)} {dtype.Text()} {Quoted.Shape(shape)} needs "
            + $"{Counted.Of(length * dtype.Bytes(), "byte")} but its offsets hold {end - begin}");
    }

    SafetensorsDtype ReadDtype(string name)
    {
        Expect(JsonTokenType.String, $"dtype of {Quoted.Name(name)}");
        string text = _json.GetString()!;
        return SafetensorsDtypes.TryParse(text, out SafetensorsDtype dtype)
            ? dtype
            : throw Bad($"tensor {Quoted.Name(name)} has the unknown dtype {Quoted.Name(text)}");
    }

    long[] ReadNumbers(string name, string field, int most)
    {
        Expect(JsonTokenType.StartArray, $"{field} of {Quoted.Name(name)}");
        Span<long> numbers = stackalloc long[MostAxes];
        int count = 0;
        while (_json.Read() && _json.TokenType == JsonTokenType.Number)
        {
            if (count == most)
                throw Bad($"{field} of {Quoted.Name(name)} has more than {most} numbers");
            if (!_json.TryGetInt64(out numbers[count]) || numbers[count++] < 0)
                throw Bad($"{field} of {Quoted.Name(name)} holds a number that is no size");
        }
        return _json.TokenType == JsonTokenType.EndArray
            ? numbers[..count].ToArray()
            : throw Bad($"{field} of {Quoted.Name(name)} holds something that is not a number");
    }

    void Expect(JsonTokenType type, string what)
    {
        if (!_json.Read() || _json.TokenType != type)
            throw Bad($"{what}: found {_json.TokenType}, expected {type}");
    }

    readonly List<SafetensorsEntry> InOrder()
    {
        // By name last, so that empty tensors at one place have one order.
        List<SafetensorsEntry> entries = [.. _entries.Values];
        entries.Sort((a, b) => (a.Begin, a.Length).CompareTo((b.Begin, b.Length)) is not 0 and var order
            ? order
            : string.CompareOrdinal(a.Name, b.Name));
        long end = 0;
        foreach (SafetensorsEntry entry in entries)
        {
            if (entry.Begin < end)
                throw Bad($"tensor {Quoted.Name(entry.Name)} overlaps the tensor before it");
            if (entry.Begin > end)
                throw Bad($"{Counted.Of(entry.Begin - end, "byte")} before tensor {Quoted.Name(entry.Name)} "
                    + $"{Counted.Verb(entry.Begin - end, "belongs", "belong")} to nothing");
            end = entry.Begin + entry.Length * entry.Dtype.Bytes();
        }
        return end == _dataBytes
            ? entries
            : throw Bad($"{Counted.Of(_dataBytes - end, "byte")} at its end "
                + $"{Counted.Verb(_dataBytes - end, "belongs", "belong")} to no tensor");
    }
}
