using System.Text.Json;
using System.Text.Json.Nodes;
using HeadTap.Models;

namespace HeadTap.Jobs;

/// <summary>The answer to an <see cref="AccessCall"/>, and what it takes to make it again.</summary>
/// <param name="Call">The request.</param>
/// <param name="Results">One for each input.</param>
public sealed record AccessAnswer(AccessCall Call, IReadOnlyList<AccessResult> Results)
{
    /// <summary>Asks a model's thread for all that a request wants.</summary>
    /// <param name="worker">The model's thread.</param>
    /// <param name="call">The request.</param>
    /// <param name="ticket">Whose it is.</param>
    /// <exception cref="QueueFullException">Too many wait.</exception>
    /// <exception cref="Runtime.UserException">A pass failed.</exception>
    public static async Task<AccessAnswer> Of(ModelWorker worker, AccessCall call, WorkTicket ticket)
    {
        ArgumentNullException.ThrowIfNull(worker);
        ArgumentNullException.ThrowIfNull(call);
        ReadPass? read = call.NeedsPass ? new ReadPass(call) : null;
        GradientPass? gradient = call.Request.Gradient is null ? null : new GradientPass(call);
        LensPass? lens = call.Request.Lens is null ? null : new LensPass(call);
        ticket = ticket with { Request = ticket.Request ?? call };
        if (read is not null)
            worker.Run(read, ticket);
        if (gradient is not null)
            worker.Run(gradient, ticket);
        if (lens is not null)
            worker.Run(lens, ticket);
        Task<SequenceResult[]>? texts = call.Request.Generation is not { } generation ? null
            : worker.GenerateAll([.. call.Rows.Select((row, i) => Text(call, generation, row, i, ticket))],
                ticket);
        AccessResult[] results = [.. read is not null ? await read.Done.ConfigureAwait(false)
            : call.Rows.Select(_ => new AccessResult())];
        if (gradient is not null)
            foreach ((AccessResult result, AccessResult found) in
                results.Zip(await gradient.Done.ConfigureAwait(false)))
            {
                result.GradientOf = found.GradientOf;
                foreach ((string at, AccessTensor tensor) in found.Gradients)
                    result.Gradients[at] = tensor;
            }
        if (lens is not null)
            foreach ((AccessResult result, LensAnswer found) in
                results.Zip(await lens.Done.ConfigureAwait(false)))
                result.Lens = found;
        if (texts is not null)
            foreach ((AccessResult result, SequenceResult made) in
                results.Zip(await texts.ConfigureAwait(false)))
                result.Continuation = made;
        return new AccessAnswer(call, results);
    }

    static TextSequence Text(
        AccessCall call, AccessGeneration generation, int[] row, int i, WorkTicket ticket) => new()
    {
        Prompt = row, MaxTokens = generation.MaxTokens, Sampling = generation.Sampling,
        Seed = generation.Seed, Stream = (ulong)i, Edits = [.. call.EditsOf(i)],
        Salt = call.Edits.Count == 0 ? ticket.Tenant
            : $"{ticket.Tenant}\n{row.Length}\n{i}\n{call.Canonical["edits"]}",
    };

    /// <summary>Where the record is in the metadata of a file of tensors.</summary>
    internal const string ReplayKey = "replay";

    /// <summary>The record by which the answer can be made again.</summary>
    public JsonObject Replay() => new()
    {
        ["request"] = Call.Canonical.DeepClone(),
        ["request_sha256"] = Call.Hash,
        ["weights_sha256"] = Call.Model.Hash,
        ["code_version"] = CodeVersion,
        ["device"] = Call.Model.Device,
        ["precision"] = Call.Model.Precision,
    };

    /// <summary>This program's version.</summary>
    public static string CodeVersion { get; } = new Manifest { Command = "serve" }.CodeVersion;

    /// <summary>The JSON of the answer.</summary>
    /// <param name="file">The file that has the tensors; null to write them here.</param>
    public byte[] ToJson(AccessFile? file = null) => ToJson(Call.Request.Base64, file);

    internal byte[] ToJson(bool base64, AccessFile? file = null)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream))
        {
            json.WriteStartObject();
            json.WriteString("model"u8, Call.Request.Model);
            json.WriteStartArray("results"u8);
            foreach (AccessResult result in Results)
                result.Write(json, Call.Model.Tokenizer, base64, tensors: file is null);
            json.WriteEndArray();
            file?.Write(json);
            json.WritePropertyName("replay"u8);
            Replay().WriteTo(json);
            json.WriteEndObject();
        }
        return stream.ToArray();
    }

    /// <summary>Writes the tensors as a safetensors file: <c>0.blocks.0.attn.hook_z</c>, the input's number
    /// first, with the replay record as metadata.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="Runtime.UserException">It cannot be written.</exception>
    public void Save(string path)
    {
        var writer = new SafetensorsWriter();
        writer.Metadata[ReplayKey] = Replay().ToJsonString();
        for (int i = 0; i < Results.Count; i++)
            foreach ((string name, AccessTensor tensor) in Results[i].Tensors())
                writer.Add($"{i}.{name}", tensor.Shape, tensor.Values);
        writer.Save(path);
    }
}
