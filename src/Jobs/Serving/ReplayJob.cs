using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Options of <see cref="ReplayJob"/>.</summary>
public sealed record ReplayOptions
{
    /// <summary>A reply of <c>/v1/headtap/run</c>, JSON or a file of tensors, or its replay record
    /// alone.</summary>
    public required string File { get; init; }

    /// <summary>Folder of the model.</summary>
    public required string Model { get; init; }

    /// <summary>Folder with the files that edits name, each under its id; null for none.</summary>
    public string? Files { get; init; }

    /// <summary>The lens that the request reads through, as for the server: its folder, or <c>NAME=DIR</c>
    /// or <c>MODEL:NAME=DIR</c> with the names of the request; null for the logit lens, or none.</summary>
    public string? Lens { get; init; }

    /// <summary>File for the reply, in the form of the one that is read; null for none.</summary>
    public string? Out { get; init; }
}

/// <summary>A request made again without a server.</summary>
/// <param name="RequestSha256">Name of the canonical request.</param>
/// <param name="SameBytes">Whether the reply has the bytes of the one in the file, or its tensors those of
/// the file's; null if the file has only the record, so that nothing was compared.</param>
/// <param name="Difference">Where they differ first; null if they do not.</param>
public sealed record ReplayResult(string RequestSha256, bool? SameBytes, string? Difference);

/// <summary>Makes a reply again from its record.</summary>
public static class ReplayJob
{
    const int Shown = 60;

    /// <summary>Runs the job and returns its result.</summary>
    /// <exception cref="UserException">The file holds no record, the model has other weights, or the request
    /// fails.</exception>
    /// <exception cref="OperationCanceledException">The job was cancelled.</exception>
    public static ReplayResult Run(ReplayOptions options, JobContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        if (options.Out is not null)
            OutputFile.Require(options.Out);
        byte[] bytes = ReadBytes(options.File);
        // JSON has no byte 0, and the length of a safetensors header has some.
        using SafetensorsReader? tensors = bytes.AsSpan(0, Math.Min(8, bytes.Length)).Contains((byte)0)
            ? SafetensorsReader.Open(options.File) : null;
        using JsonDocument document = Parse(options.File, tensors is null ? bytes : RecordIn(options.File,
            tensors));
        (JsonElement record, bool isReply) = RecordOf(options.File, document.RootElement);
        string hash = ModelFolder.Hash(options.Model), made = Text(options.File, record, "weights_sha256");
        if (hash != made)
            throw new UserException(
                $"{Quoted.Path(options.Model)} has the weights {Quoted.Line(hash)}, and the "
                + $"record was made with {Quoted.Line(made)}; expected the same model");
        AccessAnswer answer = Answer(options, record, context);
        RemarkOn(options.File, record, answer, context);
        string? difference;
        if (tensors is not null)
        {
            difference = DifferenceOf(tensors, answer);
            if (options.Out is not null)
                answer.Save(options.Out);
        }
        else
        {
            byte[] reply = answer.ToJson(
                answer.Call.Request.AsFile ? FileOf(answer, document.RootElement) : null);
            if (options.Out is not null)
                AtomicFile.WriteText(options.Out, Encoding.UTF8.GetString(reply));
            if (!isReply)
                return new ReplayResult(answer.Call.Hash, null, null);
            difference = DifferenceOf(bytes, reply);
        }
        return new ReplayResult(answer.Call.Hash, difference is null, difference);
    }

    static AccessAnswer Answer(ReplayOptions options, JsonElement record, JobContext context)
    {
        if (!record.TryGetProperty("request", out JsonElement canonical))
            throw new UserException($"{Quoted.Path(options.File)}: the replay record has no request");
        try
        {
            AccessRequest request = AccessRequest.Parse(canonical);
            using ResidentModel model = ResidentModel.Open(context, options.Model, request.Model);
            if (request.Lens is { } lens && !model.Lenses.ContainsKey(lens.Name))
                model.AddLens(lens.Name, FolderOf(options, request.Model, lens.Name));
            AccessCall call = AccessCall.Of(request, model, id => Locate(options.Files, id));
            using var worker = new ModelWorker(model, new WorkerOptions { PrefixBytes = 0 });
            return AccessAnswer.Of(worker, call, new WorkTicket("replay", Cancel: context.Cancel))
                .GetAwaiter().GetResult();
        }
        catch (BadRequestException e)
        {
            throw new UserException($"{Quoted.Path(options.File)}: {e.Message}", e);
        }
    }

    /// <summary>The folder of <c>DIR</c>, <c>NAME=DIR</c> or <c>MODEL:NAME=DIR</c>, and the names before
    /// it.</summary>
    /// <param name="lens">The text.</param>
    public static (string? Names, string Folder) SplitLens(string lens)
    {
        ArgumentNullException.ThrowIfNull(lens);
        int equals = lens.IndexOf('=', StringComparison.Ordinal);
        return equals < 0 || lens.AsSpan(0, equals).IndexOfAny('/', '\\') >= 0 ? (null, lens)
            : (lens[..equals], lens[(equals + 1)..]);
    }

    static string FolderOf(ReplayOptions options, string model, string name)
    {
        if (options.Lens is null)
            throw new UserException($"{Quoted.Path(options.File)}: the request reads through the lens "
                + $"{Quoted.Name(name)}; expected {Field.Of(nameof(options.Lens))}, its folder");
        (string? names, string folder) = SplitLens(options.Lens);
        return names is null || names == name || names == $"{model}:{name}" ? folder
            : throw new UserException($"{Field.Of(nameof(options.Lens))} names the lens "
                + $"{Quoted.Name(names)}, and the request reads {Quoted.Name(model)} through "
                + Quoted.Name(name));
    }

    static byte[] RecordIn(string file, SafetensorsReader tensors)
        => tensors.Metadata.TryGetValue(AccessAnswer.ReplayKey, out string? record)
            ? Encoding.UTF8.GetBytes(record)
            : throw new UserException($"{Quoted.Path(file)}: a file of tensors without a replay record; "
                + "expected a reply of /v1/headtap/run");

    // Tensor by tensor: the bytes before them have the version of the program too.
    static string? DifferenceOf(SafetensorsReader there, AccessAnswer here)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        for (int i = 0; i < here.Results.Count; i++)
            foreach ((string part, AccessTensor now) in here.Results[i].Tensors())
            {
                string name = $"{i}.{part}";
                names.Add(name);
                if (!there.Contains(name))
                    return $"in {name}: it is not in the file";
                SafetensorsEntry entry = there.Find(name);
                if (entry.Dtype != SafetensorsDtype.F32
                    || !entry.Shape.SequenceEqual(now.Shape.Select(n => (long)n)))
                    return $"in {name}: {entry.Dtype} {Quoted.Shape(entry.Shape)} in the file, F32 "
                        + $"{Quoted.Shape(now.Shape)} now";
                float[] old = new float[now.Values.Length];
                there.Read(name, old);
                // Bits: -0 is another number than 0, and NaN is what it was.
                int at = MemoryMarshal.Cast<float, int>(old).CommonPrefixLength(
                    MemoryMarshal.Cast<float, int>(now.Values));
                if (at < old.Length)
                    return $"in {name}: number {at} is {old[at]:R} in the file, {now.Values[at]:R} now";
            }
        return there.Entries.FirstOrDefault(e => !names.Contains(e.Name)) is { } more
            ? $"in {more.Name}: it is in the file alone" : null;
    }

    // The name of a file is the server's choice; its content is not.
    static AccessFile FileOf(AccessAnswer answer, JsonElement reply)
    {
        string id = reply.TryGetProperty("tensors", out JsonElement there)
            && there.ValueKind == JsonValueKind.Object && there.TryGetProperty("file", out JsonElement name)
            && name.ValueKind == JsonValueKind.String ? name.GetString()! : "file-";
        string path = Path.GetTempFileName();
        try
        {
            answer.Save(path);
            return new AccessFile(id, new FileInfo(path).Length, FileHash.Sha256(path));
        }
        finally
        {
            System.IO.File.Delete(path);
        }
    }

    static string Locate(string? folder, string id)
    {
        if (folder is null)
            throw new UserException($"an edit names the file {Quoted.Name(id)}; expected "
                + $"{Field.Of(nameof(ReplayOptions.Files))}, the folder that has it");
        if (id != Path.GetFileName(id) || id is "." or "..")
            throw new UserException($"{Quoted.Name(id)} is no name of a file");
        return Path.Combine(folder, id);
    }

    static void RemarkOn(string file, JsonElement record, AccessAnswer answer, JobContext context)
    {
        foreach ((string field, string here) in new[]
        {
            ("code_version", AccessAnswer.CodeVersion), ("device", answer.Call.Model.Device),
            ("precision", answer.Call.Model.Precision),
        })
        {
            string there = Text(file, record, field);
            if (there != here)
                context.Say($"{field} is {Quoted.Line(here)} here and {Quoted.Line(there)} in the record, so "
                    + "bits may differ");
        }
    }

    static (JsonElement Record, bool IsReply) RecordOf(string file, JsonElement root)
        => root.ValueKind != JsonValueKind.Object ? throw Wrong(file)
            : root.TryGetProperty("replay", out JsonElement inner) && inner.ValueKind == JsonValueKind.Object
            ? (inner, true) : root.TryGetProperty("request", out _) ? (root, false) : throw Wrong(file);

    static UserException Wrong(string file) =>
        new($"{Quoted.Path(file)}: expected a reply of /v1/headtap/run, "
        + "or its replay record");

    static string Text(string file, JsonElement record, string field)
        => record.TryGetProperty(field, out JsonElement value) && value.ValueKind == JsonValueKind.String
            ? value.GetString()! : throw new UserException(
                $"{Quoted.Path(file)}: the replay record has no {field}");

    static byte[] ReadBytes(string file)
    {
        try
        {
            return System.IO.File.ReadAllBytes(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UserException($"{Quoted.Path(file)}: {Quoted.Line(e.Message)}", e);
        }
    }

    static JsonDocument Parse(string file, byte[] bytes)
    {
        try
        {
            return JsonDocument.Parse(bytes);
        }
        catch (JsonException e)
        {
            throw new UserException($"{Quoted.Path(file)}: {Quoted.Line(e.Message)}", e);
        }
    }

    static string? DifferenceOf(byte[] there, byte[] here)
    {
        ReadOnlySpan<byte> trimmed = there.AsSpan().TrimEnd("\r\n"u8);
        if (trimmed.SequenceEqual(here))
            return null;
        int at = trimmed.CommonPrefixLength(here);
        return $"at byte {at}: {Piece(trimmed, at)} in the file, {Piece(here, at)} now";
    }

    static string Piece(ReadOnlySpan<byte> text, int at)
    {
        int first = Math.Max(0, at - Shown / 2);
        return Quoted.Name(Encoding.UTF8.GetString(text[first..Math.Min(text.Length, at + Shown / 2)]));
    }
}
