using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace HeadTap.Runtime;

/// <summary>
/// A run between two steps, in one safetensors file: weights, moments, step and place in the data. The file
/// is written whole or not at all. The order of the rows follows from seed and epoch, so there is no
/// generator whose state would have to be kept.
/// </summary>
public static class TrainingCheckpoint
{
    const string Format = "headtap-training-1";
    const string Digest = "sha256";
    const int PieceLength = 1 << 18;

    static readonly string[] s_fields = ["format", "config", "data", "step", "tokens", "epoch", "row"];

    /// <summary>Writes the state of a trainer.</summary>
    /// <exception cref="UserException">The place cannot be written; an older checkpoint there is as
    /// before.</exception>
    public static void Save(string path, Trainer trainer)
    {
        ArgumentNullException.ThrowIfNull(trainer);
        var writer = new SafetensorsWriter();
        string[] values =
        [
            Format, trainer.Config.Hash(), trainer.DataHash, Text(trainer.Step), Text(trainer.Tokens),
            Text(trainer.Position.Epoch), Text(trainer.Position.Index),
        ];
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach ((string field, string value) in s_fields.Zip(values))
            writer.Metadata[field] = value;
        AppendFields(hash, writer.Metadata.AsReadOnly());
        (string Name, Tensor Tensor)[] tensors = [.. Tensors(trainer)];
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

    /// <summary>Puts a trainer, made with the same config and data, where the saved one was.</summary>
    /// <exception cref="UserException">The file is missing, cut short, damaged, or of another config or
    /// data. Then the trainer must not be used further.</exception>
    public static void Restore(string path, Trainer trainer)
    {
        ArgumentNullException.ThrowIfNull(trainer);
        using SafetensorsReader reader = SafetensorsReader.Open(path);
        Require(path, Field(reader, path, "format"), Format, "is no checkpoint of this version");
        Require(path, Field(reader, path, "config"), trainer.Config.Hash(), "was made with another config");
        Require(path, Field(reader, path, "data"), trainer.DataHash, "was made with other data");
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        AppendFields(hash, reader.Metadata);
        foreach ((string name, Tensor tensor) in Tensors(trainer))
            Read(reader, path, name, tensor, hash);
        int[] digest = new int[SHA256.HashSizeInBytes / sizeof(int)];
        if (!reader.Find(Digest).Shape.SequenceEqual([digest.Length]))
            throw Damaged(path, "its checksum has a wrong length");
        reader.ReadInts(Digest, digest);
        if (!hash.GetHashAndReset().AsSpan().SequenceEqual(MemoryMarshal.AsBytes(digest.AsSpan())))
            throw Damaged(path, "its checksum is wrong");
        trainer.Step = (int)Number(reader, path, "step");
        trainer.Tokens = Number(reader, path, "tokens");
        trainer.Position = new EpochPosition(
            (int)Number(reader, path, "epoch"), (int)Number(reader, path, "row"));
    }

    static IEnumerable<(string Name, Tensor Tensor)> Tensors(Trainer trainer)
    {
        foreach (ParameterSlice slice in trainer.Model.Set.Included)
            yield return (slice.Name, trainer.Model.Set[slice.Name]);
        foreach ((string moment, ParameterSet set) in trainer.Optimizer.Moments)
            foreach (ParameterSlice slice in set.Included)
                yield return ($"{moment}.{slice.Name}", set[slice.Name]);
    }

    static void Read(SafetensorsReader reader, string path, string name, Tensor tensor, IncrementalHash hash)
    {
        SafetensorsEntry entry = reader.Find(name);
        if (!entry.Shape.SequenceEqual(tensor.Shape.ToArray().Select(extent => (long)extent)))
            throw Damaged(path,
                $"{name} is {Quoted.Shape(entry.Shape)} and not {Quoted.Shape(tensor.Shape.ToArray())}");
        float[] piece = new float[Math.Min(PieceLength, tensor.Length)];
        for (long start = 0; start < tensor.Length; start += PieceLength)
        {
            Span<float> values = piece.AsSpan(0, (int)Math.Min(PieceLength, tensor.Length - start));
            reader.Read(name, start, values);
            hash.AppendData(MemoryMarshal.AsBytes(values));
            tensor.Slice(name, start, values.Length).Upload(values);
        }
    }

    static void AppendFields(IncrementalHash hash, IReadOnlyDictionary<string, string> metadata)
    {
        foreach (string field in s_fields)
            hash.AppendData(Encoding.UTF8.GetBytes($"{field}={metadata[field]}\n"));
    }

    static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);

    static string Field(SafetensorsReader reader, string path, string field) =>
        reader.Metadata.TryGetValue(field, out string? value) && s_fields.All(reader.Metadata.ContainsKey)
            ? value
            : throw new UserException($"{Quoted.Path(path)}: is not a training checkpoint; expected one that "
                + "a training run wrote.");

    static long Number(SafetensorsReader reader, string path, string field) =>
        long.TryParse(Field(reader, path, field), NumberStyles.None,
            CultureInfo.InvariantCulture, out long number)
            ? number
            : throw Damaged(path, $"its {field} is no number");

    static void Require(string path, string found, string expected, string problem)
    {
        if (found != expected)
            throw new UserException(
                $"{Quoted.Path(path)}: {problem}. Resume with the config, data and program that "
                + "the run began with, or start in another folder.");
    }

    static UserException Damaged(string path, string how) => new(
        $"{Quoted.Path(path)}: the checkpoint is damaged, {how}. Delete it and start again.");
}
