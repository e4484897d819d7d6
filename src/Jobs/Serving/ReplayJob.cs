using System.Text;
using System.Text.Json;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Options of <see cref="ReplayJob"/>.</summary>
public sealed record ReplayOptions
{
    /// <summary>A reply of <c>/v1/headtap/run</c>, or its replay record alone.</summary>
    public required string File { get; init; }

    /// <summary>Folder of the model.</summary>
    public required string Model { get; init; }

    /// <summary>Folder with the files that edits name, each under its id; null for none.</summary>
    public string? Files { get; init; }

    /// <summary>Folder of the lens that the request reads through; null for the logit lens, or
    /// none.</summary>
    public string? Lens { get; init; }

    /// <summary>File for the reply; null for none.</summary>
    public string? Out { get; init; }
}

/// <summary>A request made again without a server.</summary>
/// <param name="RequestSha256">Name of the canonical request.</param>
/// <param name="SameBytes">Whether the reply has the bytes of the one in the file; null if the file has only
/// the record.</param>
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
        using JsonDocument document = Parse(options.File, bytes);
        (JsonElement record, bool isReply) = RecordOf(options.File, document.RootElement);
        string hash = ModelFolder.Hash(options.Model), made = Text(options.File, record, "weights_sha256");
        if (hash != made)
            throw new UserException(
                $"{Quoted.Path(options.Model)} has the weights {Quoted.Line(hash)}, and the "
                + $"record was made with {Quoted.Line(made)}; expected the same model");
        AccessAnswer answer = Answer(options, record, context);
        RemarkOn(options.File, record, answer, context);
        byte[] reply = answer.ToJson(
            answer.Call.Request.AsFile ? FileOf(answer, document.RootElement) : null);
        if (options.Out is not null)
            AtomicFile.WriteText(options.Out, Encoding.UTF8.GetString(reply));
        if (!isReply)
            return new ReplayResult(answer.Call.Hash, null, null);
        string? difference = DifferenceOf(bytes, reply);
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
            if (request.Lens is { } lens && options.Lens is { } folder
                && !model.Lenses.ContainsKey(lens.Name))
                model.AddLens(lens.Name, folder);
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
