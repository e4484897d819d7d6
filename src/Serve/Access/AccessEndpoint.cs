using System.Text.Json.Nodes;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Serve;

/// <summary>
/// <c>POST /v1/headtap/run</c>: reads, edits and gradients of a model's inner values, and continuations with
/// edits. The reply has what it takes to make it again.
/// </summary>
/// <param name="workers">The models.</param>
/// <param name="locate">Says where a file of a caller is, by the caller and the file's id.</param>
/// <param name="files">Where replies keep their tensors; null for a server without files.</param>
public sealed class AccessEndpoint(
    ModelWorkers workers, Func<Caller, string, string> locate, FileStore? files = null) : IEndpoint
{
    const string Purpose = "tensors";

    /// <inheritdoc/>
    public string Path => "/v1/headtap/run";

    /// <inheritdoc/>
    public Right Right => Right.Reads;

    /// <summary>Most bytes of a reply's numbers.</summary>
    public long MostReplyBytes { get; init; } = 1L << 30;

    /// <inheritdoc/>
    public Task<Reply> Answer(EndpointRequest request) => ModelWorkers.Guard(() => AnswerGuarded(request));

    async Task<Reply> AnswerGuarded(EndpointRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        AccessRequest asked = AccessRequest.Parse(request.Body);
        ModelWorker worker = workers.Of(asked.Model);
        if (asked.Edits is not null)
            request.Caller.Require(Right.Edits);
        AccessCall call = AccessCall.Of(asked, worker.Model, file => locate(request.Caller, file));
        bool tensors = request.Accept.Contains("application/octet-stream",
            StringComparison.OrdinalIgnoreCase);
        if (tensors && (asked.Lens is not null || asked.Generation is not null
            || asked.Reads.Any(r => r.Reduction == Reduction.Top)))
            throw new BadRequestException("a file of tensors has no place for topk, lens and generate; leave "
                + "them out, or accept application/json", "accept");
        FileStore? store = asked.AsFile ? StoreOf(request.Caller, tensors) : null;
        AccessCost cost = AccessCost.Of(call);
        if (asked.DryRun)
            return new JsonReply(200, cost.ToJson(worker.Waiting, ReplySize.Of(call, tensors
                || asked.AsFile)));
        cost.Require(MostReplyBytes, MemoryPlan.FreeBytes(worker.Model.Model.Device));
        store?.RequireRoom(request.Caller, cost.NumberBytes);
        AccessAnswer answer = await AccessAnswer.Of(worker, call, workers.Ticket(request, request.Aborted))
            .ConfigureAwait(false);
        // Tokens weighed by the kind of access: a gradient costs three passes.
        request.Charge((int)Math.Ceiling(cost.TokenLayers / worker.Model.Config.Layers));
        if (tensors)
            return new BytesReply(200, "application/octet-stream",
                (stream, cancel) => WriteTensors(answer, stream, cancel), [("ETag", TagOf(call, "tensors"))]);
        // A reply that names a file is not the next one, which names another.
        (string, string)[] headers = store is null ? [("ETag", TagOf(call, "json"))] : [];
        byte[] json = answer.ToJson(store is null ? null : await Keep(store, answer, request)
            .ConfigureAwait(false));
        return new BytesReply(200, "application/json; charset=utf-8",
            (stream, cancel) => stream.WriteAsync(json, cancel).AsTask(),
            [.. headers, ("Content-Length", $"{json.Length}")]);
    }

    FileStore StoreOf(Caller caller, bool tensors)
    {
        if (tensors)
            throw new BadRequestException("the tensors cannot be the reply and a file beside it; leave "
                + "tensors out, or accept application/json", "tensors");
        if (files is null)
            throw new BadRequestException("this server keeps no files; leave tensors out, or accept "
                + "application/octet-stream", "tensors");
        caller.Require(Right.Query); // without it nobody may fetch a file
        return files;
    }

    static async Task<AccessFile> Keep(FileStore store, AccessAnswer answer, EndpointRequest request)
    {
        StoredFile stored = await store.Add(request.Caller, $"{answer.Call.Hash[..16]}.safetensors", Purpose,
            stream => WriteTensors(answer, stream, request.Aborted)).ConfigureAwait(false);
        return new AccessFile(stored.Id, stored.Bytes, stored.Sha256);
    }

    // The request and all that decides the bits beside it. On GPUs what else runs decides the last bits.
    static string TagOf(AccessCall call, string form) => (call.Model.Model.Device.IsHost ? "" : "W/")
        + $"\"{call.Hash}-{Fingerprint.Of(call.Model)}-{form}\"";

    static async Task WriteTensors(AccessAnswer answer, Stream stream, CancellationToken cancel)
    {
        string path = System.IO.Path.GetTempFileName();
        try
        {
            answer.Save(path);
            await using FileStream file = File.OpenRead(path);
            await file.CopyToAsync(stream, cancel).ConfigureAwait(false);
        }
        finally
        {
            File.Delete(path);
        }
    }
}

/// <summary><c>GET /v1/headtap/sites?model=NAME</c>: the places that can be read and edited.</summary>
/// <param name="workers">The models.</param>
public sealed class SitesEndpoint(ModelWorkers workers) : IEndpoint
{
    /// <inheritdoc/>
    public string Path => "/v1/headtap/sites";

    /// <inheritdoc/>
    public Right Right => Right.Reads;

    /// <inheritdoc/>
    public string Method => "GET";

    /// <inheritdoc/>
    public Task<Reply> Answer(EndpointRequest request) => ModelWorkers.Guard(() =>
    {
        ModelWorker worker = workers.Of(request.Query.GetValueOrDefault("model"));
        ModelConfig config = worker.Model.Config;
        return Task.FromResult<Reply>(new JsonReply(200, new JsonObject
        {
            ["model"] = worker.Model.Name,
            ["sites"] = new JsonArray([.. Site.All(config).Select(site => (JsonNode)new JsonObject
            {
                ["name"] = site.Name,
                ["shape"] = SiteFacts.Shape(site.Kind, config),
                ["bytes_per_token"] = SiteFacts.FloatsPerToken(site.Kind, config) is { } n
                    ? n * sizeof(float) : null,
                ["edit"] = SiteFacts.CanEdit(site.Kind),
                ["gradient"] = SiteFacts.CanEdit(site.Kind),
                ["edit_while_generating"] = SiteFacts.CanEdit(site.Kind)
                    && site.Kind is not (SiteKind.Scores or SiteKind.Pattern),
            })]),
        }));
    });
}
