using System.IO.Compression;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json.Nodes;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Lens;

/// <summary>
/// A published Jacobian lens, as the reference library's torch.save writes it: a zip with
/// <c>data.pkl = {J: {layer: float16 [d, d]}, n_prompts, source_layers, d_model}</c>, in newer files also
/// <c>provenance</c>, and the matrices' numbers in <c>data/N</c>. It reads the stream out of a layer.
/// </summary>
public static class PublishedJacobian
{
    const string Matrices = "J", Prompts = "n_prompts", Layers = "source_layers", Width = "d_model",
        Provenance = "provenance";
    const string Pickle = "/data.pkl", ByteOrder = "/byteorder";
    const int MostDepth = 16;
    const long MostPickleBytes = 1 << 24;

    static readonly DateTimeOffset s_zipEpoch = new(1980, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>Reads a file as the lens of a model.</summary>
    /// <param name="model">The model, with raw weights.</param>
    /// <param name="modelHash"><see cref="ModelFolder.Hash"/> of the model.</param>
    /// <param name="path">The file.</param>
    /// <returns>The lens and its metadata.</returns>
    /// <exception cref="UserException">The file has another layout, or does not fit the model.</exception>
    public static (LensSet Lens, LensMetadata Facts) Read(LanguageModel model, string modelHash, string path)
    {
        ArgumentNullException.ThrowIfNull(model);
        JacobianFit.RequireRaw(model);
        using FileStream file = InputFile.Open(path);
        try
        {
            using var zip = new ZipArchive(file, ZipArchiveMode.Read);
            return Read(model, modelHash, path, zip);
        }
        catch (InvalidDataException e)
        {
            throw new UserException($"{Quoted.Path(path)}: no zip that torch.save wrote "
                + $"({Quoted.Line(e.Message)}); expected a .pt file of a Jacobian lens", e);
        }
    }

    /// <summary>Writes a lens as a published file; numbers are rounded to float16.</summary>
    /// <param name="lens">A Jacobian lens at resid_post.</param>
    /// <param name="facts">Its metadata.</param>
    /// <param name="path">The file.</param>
    /// <exception cref="UserException">The lens reads another site, or a number is too large for float16, or
    /// the file cannot be written.</exception>
    public static void Write(LensSet lens, LensMetadata facts, string path)
    {
        ArgumentNullException.ThrowIfNull(lens);
        ArgumentNullException.ThrowIfNull(facts);
        RequireSite(facts.Lens);
        int C = lens.Model.Config.Width;
        var halves = lens.Layers.Select(layer => Rounded(lens[layer], layer)).ToArray();
        string name = Path.GetFileNameWithoutExtension(path);
        AtomicFile.Write(path, stream =>
        {
            using var zip = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true);
            void Add(string entry, ReadOnlySpan<byte> bytes)
            {
                ZipArchiveEntry made = zip.CreateEntry($"{name}/{entry}", CompressionLevel.NoCompression);
                made.LastWriteTime = s_zipEpoch; // the same lens is the same bytes
                using Stream to = made.Open();
                to.Write(bytes);
            }
            Add("data.pkl", Pickled(lens.Layers, C, facts));
            Add("byteorder", "little"u8);
            foreach ((int i, Half[] values) in halves.Index())
                Add($"data/{i}", MemoryMarshal.AsBytes(values.AsSpan()));
            Add("version", "3\n"u8);
        });
    }

    /// <summary>Refuses lenses that the published layout has no place for.</summary>
    /// <exception cref="UserException">It is no Jacobian lens at resid_post.</exception>
    public static void RequireSite(LensOptions lens)
    {
        ArgumentNullException.ThrowIfNull(lens);
        if (lens.Kind != LensKind.Jacobian || lens.Site != JacobianSite.ResidPost)
            throw new UserException("the published layout holds Jacobian lenses at resid_post, and this one "
                + "is " + (lens.Kind == LensKind.Jacobian ? "at resid_mid" : "of another kind"));
    }

    static (LensSet, LensMetadata) Read(LanguageModel model, string modelHash, string path, ZipArchive zip)
    {
        ZipArchiveEntry[] pickles = [.. zip.Entries.Where(e =>
            e.FullName.EndsWith(Pickle, StringComparison.Ordinal) && e.FullName.Count(c => c == '/') == 1)];
        if (pickles is not [var pickle] || pickle.Length > MostPickleBytes)
            throw Wrong(path, "it has no data.pkl of a lens");
        string folder = pickle.FullName[..^Pickle.Length];
        if (zip.GetEntry(folder + ByteOrder) is { } order && Encoding.ASCII.GetString(Bytes(path, order, 16))
            != "little")
            throw Wrong(path, "its numbers are not little-endian");
        object? root = new TorchPickle(Bytes(path, pickle, MostPickleBytes), Quoted.Path(path)).Read();
        if (root is not Dictionary<object, object?> fields
            || fields.GetValueOrDefault(Matrices) is not Dictionary<object, object?> { Count: > 0 } matrices
            || fields.GetValueOrDefault(Prompts) is not long prompts || prompts is < 1 or > int.MaxValue)
            throw Wrong(path, $"its data.pkl is no dictionary with {Matrices} and {Prompts}");
        ModelConfig config = model.Config;
        if (fields.GetValueOrDefault(Width) is long d && d != config.Width)
            throw Wrong(path, $"{Width} is {d}, and the model's width is {config.Width}");
        if (!matrices.All(m => m.Key is long l && l >= 0 && l < config.Layers && m.Value is TorchTensor))
            throw Wrong(path, $"{Matrices} has what is no matrix of a layer from 0 to {config.Layers - 1}");
        var tensors = new SortedDictionary<int, TorchTensor>(
            matrices.ToDictionary(m => checked((int)(long)m.Key), m => (TorchTensor)m.Value!));
        LensSet lens = LensSet.Empty(model, new LensOptions
        {
            Kind = LensKind.Jacobian, Site = JacobianSite.ResidPost,
        }, [.. tensors.Keys], positions: 1);
        try
        {
            foreach ((int layer, TorchTensor tensor) in tensors)
                lens[layer].Parameters[0].Value.Upload(
                    Values(path, zip, folder, layer, tensor, config.Width));
            return (lens, Facts(lens, modelHash, path, (int)prompts, fields.GetValueOrDefault(Provenance)));
        }
        catch
        {
            lens.Dispose();
            throw;
        }
    }

    static LensMetadata Facts(LensSet lens, string modelHash, string path, int prompts, object? provenance)
    {
        var fit = new JsonObject
        {
            ["imported"] = Path.GetFileName(path), ["sha256"] = FileHash.Sha256(path),
            ["site"] = JacobianSite.ResidPost.Word(), ["positions"] = JacobianPositions.Published.Word(),
            ["prompts_done"] = prompts,
        };
        if (provenance is not null)
            fit["provenance"] = Json(path, provenance);
        return LensMetadata.Of(lens, modelHash) with
        {
            Steps = [.. lens.Layers.Select(_ => prompts)], Complete = [.. lens.Layers.Select(_ => true)],
            Training = fit,
        };
    }

    static float[] Values(
        string path, ZipArchive zip, string folder, int layer, TorchTensor tensor, int C)
    {
        TorchStorage storage = tensor.Storage;
        int size = storage.Half ? sizeof(ushort) : sizeof(float);
        if (!tensor.Shape.SequenceEqual([C, C]))
            throw Wrong(path, $"layer {layer} is {Quoted.Shape([.. tensor.Shape.Select(e => (int)e)])}; the "
                + $"model needs [{C}, {C}]");
        if (zip.GetEntry($"{folder}/data/{storage.Key}") is not { } entry
            || entry.Length != storage.Length * size || !Within(tensor))
            throw Wrong(path, $"the numbers of layer {layer} are missing or cut short");
        byte[] bytes = Bytes(path, entry, entry.Length);
        float[] values = new float[C * C];
        for (int i = 0; i < C; i++)
            for (int j = 0; j < C; j++)
            {
                int at = checked((int)(tensor.Offset + i * tensor.Stride[0] + j * tensor.Stride[1]) * size);
                values[i * C + j] = storage.Half ? (float)BitConverter.ToHalf(bytes, at)
                    : BitConverter.ToSingle(bytes, at);
            }
        return values.All(float.IsFinite) ? values
            : throw Wrong(path, $"layer {layer} holds a number that is not finite");
    }

    // Whether every element lies in the storage; strides are small, so nothing overflows.
    static bool Within(TorchTensor tensor)
    {
        bool small = tensor.Offset is >= 0 and <= int.MaxValue
            && tensor.Stride.All(s => s is >= 0 and <= int.MaxValue);
        return small && tensor.Offset + tensor.Stride.Zip(tensor.Shape, (stride, extent)
            => stride * (extent - 1)).Sum() < tensor.Storage.Length;
    }

    static byte[] Bytes(string path, ZipArchiveEntry entry, long most)
    {
        if (entry.Length > Math.Min(most, Array.MaxLength))
            throw Wrong(path, $"{Quoted.Name(entry.FullName)} is too large");
        using Stream from = entry.Open();
        byte[] bytes = new byte[entry.Length];
        try
        {
            from.ReadExactly(bytes);
        }
        catch (EndOfStreamException e)
        {
            throw new UserException(
                $"{Quoted.Path(path)}: {Quoted.Name(entry.FullName)} is cut short", e);
        }
        // Entries that are stored and not compressed are read without a check: a flipped bit of a matrix
        // would be another matrix.
        return Crc32(bytes) == entry.Crc32 ? bytes : throw new UserException(
            $"{Quoted.Path(path)}: {Quoted.Name(entry.FullName)} is damaged, its checksum differs");
    }

    // The checksum of zip files (ISO 3309), bit by bit.
    static uint Crc32(ReadOnlySpan<byte> bytes)
    {
        uint crc = uint.MaxValue;
        foreach (byte value in bytes)
        {
            crc ^= value;
            for (int bit = 0; bit < 8; bit++)
                crc = (crc >> 1) ^ ((crc & 1) == 0 ? 0 : 0xEDB88320u);
        }
        return ~crc;
    }

    // A list of a pickle may hold itself.
    static JsonNode? Json(string path, object? value, int depth = 0) => value switch
    {
        _ when depth > MostDepth => throw Wrong(path, $"its {Provenance} is nested without end"),
        Dictionary<object, object?> map => new JsonObject(map.Select(p =>
            KeyValuePair.Create($"{p.Key}", Json(path, p.Value, depth + 1)))),
        List<object?> list => new JsonArray([.. list.Select(v => Json(path, v, depth + 1))]),
        object?[] tuple => new JsonArray([.. tuple.Select(v => Json(path, v, depth + 1))]),
        bool truth => JsonValue.Create(truth),
        long whole => JsonValue.Create(whole),
        double number when double.IsFinite(number) => JsonValue.Create(number),
        null => null,
        _ => JsonValue.Create($"{value}"),
    };

    static byte[] Pickled(IReadOnlyList<int> layers, int C, LensMetadata facts)
    {
        var pickle = new TorchPickleWriter();
        var provenance = new JsonObject
        {
            ["program"] = "headtap", ["version"] = facts.CodeVersion, ["model_hash"] = facts.ModelHash,
            ["fit"] = facts.Training?.DeepClone(),
        };
        pickle.Map<string>(
        [
            (Matrices, () => pickle.Map(layers.Select((layer, i) =>
                (layer, (Action)(() => pickle.HalfMatrix($"{i}", C, C)))))),
            (Prompts, () => pickle.Number(facts.Steps[0])),
            (Layers, () => pickle.List(layers.Select(layer => (Action)(() => pickle.Number(layer))))),
            (Width, () => pickle.Number(C)),
            (Provenance, () => pickle.Json(provenance)),
        ]);
        return pickle.End();
    }

    static Half[] Rounded(LayerLens lens, int layer)
    {
        Half[] halves = Array.ConvertAll(lens.Parameters[0].Value.ToArray(), v => (Half)v);
        return halves.All(Half.IsFinite) ? halves : throw new UserException(
            $"layer {layer} holds a number too large for float16 (65504), which the published layout has");
    }

    static UserException Wrong(string path, string what)
        => new($"{Quoted.Path(path)}: {what}; expected a .pt file of a Jacobian lens of this model");
}
