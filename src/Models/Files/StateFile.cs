using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>
/// A run between two steps, in one safetensors file: tensors, and what else must be known to go on as text
/// fields. It is written whole or not at all, and a checksum over all of it is its last tensor.
/// </summary>
public sealed class StateFile
{
    /// <summary>The name of the checksum among the tensors.</summary>
    internal const string Digest = "sha256";

    const int PieceLength = 1 << 18;

    readonly string _path;
    readonly IReadOnlyDictionary<string, string> _fields;

    StateFile(string path, IReadOnlyDictionary<string, string> fields) => (_path, _fields) = (path, fields);

    /// <summary>Writes a state.</summary>
    /// <param name="path">Where; what is there stays as it was if this fails.</param>
    /// <param name="fields">In this order.</param>
    /// <param name="tensors">In this order; the last has at least one element.</param>
    /// <param name="indices">The same for whole numbers.</param>
    /// <exception cref="UserException">The place cannot be written.</exception>
    public static void Save(string path, IReadOnlyList<(string Name, string Value)> fields,
        IReadOnlyList<(string Name, Tensor Tensor)> tensors,
        IReadOnlyList<(string Name, IndexTensor Tensor)>? indices = null)
    {
        ArgumentNullException.ThrowIfNull(fields);
        ArgumentNullException.ThrowIfNull(tensors);
        var writer = new SafetensorsWriter();
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach ((string name, string value) in fields)
            writer.Metadata[name] = value;
        AppendFields(hash, fields);
        foreach ((string name, IndexTensor tensor) in indices ?? [])
        {
            int[] values = tensor.ToArray();
            hash.AppendData(MemoryMarshal.AsBytes(values.AsSpan()));
            writer.AddInts(name, tensor.Shape, values);
        }
        int[] digest = new int[SHA256.HashSizeInBytes / sizeof(int)];
        foreach ((string name, Tensor tensor) in tensors)
            writer.Add(name, tensor.Shape, (start, piece) =>
            {
                tensor.Slice(name, start, piece.Length).Download(piece);
                hash.AppendData(MemoryMarshal.AsBytes(piece));
                // The digest is the file's last tensor; it is written after this one.
                if (ReferenceEquals(tensor, tensors[^1].Tensor) && start + piece.Length == tensor.Length)
                    hash.GetHashAndReset().CopyTo(MemoryMarshal.AsBytes(digest.AsSpan()));
            });
        writer.AddInts(Digest, [digest.Length], digest);
        writer.Save(path);
    }

    /// <summary>Reads a state's fields; the tensors only when it is known that they belong here.</summary>
    /// <param name="path">The file.</param>
    /// <param name="names">Every field it must have, in the order of <see cref="Save"/>.</param>
    /// <param name="format">What the first of them must say.</param>
    /// <exception cref="UserException">The file is missing, or no state of this kind.</exception>
    public static StateFile Open(string path, IReadOnlyList<string> names, string format)
    {
        ArgumentNullException.ThrowIfNull(names);
        using SafetensorsReader reader = SafetensorsReader.Open(path);
        if (!names.All(reader.Metadata.ContainsKey))
            throw new UserException($"{Quoted.Path(path)}: is not a training checkpoint; expected one that "
                + "a training run wrote.");
        var state = new StateFile(path, names.ToDictionary(n => n, n => reader.Metadata[n]));
        state.Require(names[0], format, "is no checkpoint of this version");
        return state;
    }

    /// <summary>A field.</summary>
    public string this[string field] => _fields[field];

    /// <summary>A field that is a whole number.</summary>
    /// <exception cref="UserException">It is none.</exception>
    public long Number(string field) =>
        long.TryParse(_fields[field], NumberStyles.None, CultureInfo.InvariantCulture, out long number)
            ? number
            : throw Damaged($"its {field} is no number");

    /// <summary>Refuses a state whose field says something else.</summary>
    /// <exception cref="UserException">It does.</exception>
    public void Require(string field, string expected, string problem)
    {
        if (_fields[field] != expected)
            throw new UserException(
                $"{Quoted.Path(_path)}: {problem}. Resume with the config, data and program that "
                + "the run began with, or start in another folder.");
    }

    /// <summary>Reads the tensors that <see cref="Save"/> was given.</summary>
    /// <exception cref="UserException">The file is damaged; then the tensors must not be used.</exception>
    public void Read(IReadOnlyList<(string Name, Tensor Tensor)> tensors,
        IReadOnlyList<(string Name, IndexTensor Tensor)>? indices = null)
    {
        ArgumentNullException.ThrowIfNull(tensors);
        using SafetensorsReader reader = SafetensorsReader.Open(_path);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        AppendFields(hash, [.. _fields.Select(f => (f.Key, f.Value))]);
        foreach ((string name, IndexTensor tensor) in indices ?? [])
        {
            RequireShape(reader, name, tensor.Shape);
            int[] values = new int[tensor.Length];
            reader.ReadInts(name, values);
            hash.AppendData(MemoryMarshal.AsBytes(values.AsSpan()));
            tensor.Upload(values);
        }
        foreach ((string name, Tensor tensor) in tensors)
        {
            RequireShape(reader, name, tensor.Shape);
            reader.Read(name, tensor, piece => hash.AppendData(MemoryMarshal.AsBytes(piece)));
        }
        int[] digest = new int[SHA256.HashSizeInBytes / sizeof(int)];
        if (!reader.Find(Digest).Shape.SequenceEqual([digest.Length]))
            throw Damaged("its checksum has a wrong length");
        reader.ReadInts(Digest, digest);
        if (!hash.GetHashAndReset().AsSpan().SequenceEqual(MemoryMarshal.AsBytes(digest.AsSpan())))
            throw Damaged("its checksum is wrong");
    }

    /// <summary>What to say of a state whose parts contradict each other.</summary>
    public UserException Damaged(string how) => new(
        $"{Quoted.Path(_path)}: the checkpoint is damaged, {how}. Delete it and start again.");

    void RequireShape(SafetensorsReader reader, string name, ReadOnlySpan<int> shape)
    {
        SafetensorsEntry entry = reader.Find(name);
        if (!entry.Shape.SequenceEqual(shape.ToArray().Select(extent => (long)extent)))
            throw Damaged($"{name} is {Quoted.Shape(entry.Shape)} and not {Quoted.Shape(shape.ToArray())}");
    }

    static void AppendFields(IncrementalHash hash, IReadOnlyList<(string Name, string Value)> fields)
    {
        foreach ((string name, string value) in fields)
            hash.AppendData(Encoding.UTF8.GetBytes($"{name}={value}\n"));
    }
}
