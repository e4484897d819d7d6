using System.Collections.Concurrent;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using HeadTap.Runtime;

namespace HeadTap.Serve;

/// <summary>
/// All batches, one running at a time in the order they came; those of an earlier run of the server go on.
/// </summary>
sealed class BatchStore : IAsyncDisposable
{
    internal const string IdPrefix = "batch_";

    const int MostOpenPerKey = 20;

    readonly string _folder;
    readonly FileStore _files;
    readonly BatchRunner _runner;
    readonly IReadOnlyList<IEndpoint> _endpoints;
    readonly Func<string, Caller?> _byName;
    readonly Action<string> _log;
    readonly ConcurrentDictionary<string, Batch> _batches = new(StringComparer.Ordinal);
    readonly IdempotentAnswers _answers = new();
    readonly Channel<Batch> _queue = Channel.CreateUnbounded<Batch>();
    readonly CancellationTokenSource _stop = new();
    readonly Task _work;

    /// <exception cref="UserException">The folder cannot be used.</exception>
    internal BatchStore(string data, FileStore files, BatchRunner runner, IReadOnlyList<IEndpoint> endpoints,
        Func<string, Caller?> byName, Action<string> log)
    {
        _folder = Path.Combine(Path.GetFullPath(data), "batches");
        (_files, _runner, _endpoints, _byName, _log) = (files, runner, endpoints, byName, log);
        try
        {
            Directory.CreateDirectory(_folder);
            foreach (string path in Directory.GetDirectories(_folder))
                if (RandomId.IsOne(Path.GetFileName(path), IdPrefix))
                    Load(path);
                else
                    Directory.Delete(path, recursive: true); // half of one
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            throw new UserException(
                $"{Quoted.Path(data)}: cannot be used for batches ({Quoted.Line(e.Message)})", e);
        }
        foreach (Batch batch in _batches.Values.Where(b => !b.IsOver).OrderBy(b => b.CreatedAt))
            _queue.Writer.TryWrite(batch);
        _work = Task.Run(Work);
    }

    internal IEnumerable<Route> Routes() =>
    [
        new("POST", "/v1/batches", Right.Query, RouteBody.Json, Create),
        new("GET", "/v1/batches", Right.Query, RouteBody.None, call => Json(FileRoutes.Page(call,
            [.. _batches.Values.Where(b => b.Owner == call.Caller.Name)
                .OrderByDescending(b => b.CreatedAt).ThenByDescending(b => b.Id, StringComparer.Ordinal)],
            b => b.Id, b => b.ToJson(), 20, 100))),
        new("GET", "/v1/batches/{id}", Right.Query, RouteBody.None, call => Json(Find(call).ToJson())),
        new("POST", "/v1/batches/{id}/cancel", Right.Query, RouteBody.None, call =>
        {
            Batch batch = Find(call);
            batch.AskToCancel();
            return Json(batch.ToJson());
        }),
    ];

    /// <summary>Stops the running batch where it is.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _work;
        _stop.Dispose();
    }

    static Task<Reply?> Json(JsonObject body) => Task.FromResult<Reply?>(new JsonReply(200, body));

    void Load(string path)
    {
        Batch batch = Batch.Load(path);
        _batches[batch.Id] = batch;
        _answers.Load(batch.Owner, batch.Idempotency);
    }

    Task<Reply?> Create(Call call) => Json(_answers.Answer(call, key => Make(call, key)));

    JsonObject Make(Call call, IdempotencyKey? key)
    {
        var fields = new JsonFieldsOfBody(call.Body);
        string endpoint = fields.Required("endpoint"), file = fields.Required("input_file_id");
        string window = fields.Text("completion_window") ?? "24h";
        JsonElement? metadata = fields.Get("metadata");
        fields.RequireNoOther();
        IEndpoint[] known = [.. _endpoints.Where(e => e.Method == "POST")];
        if (known.FirstOrDefault(e => e.Path == endpoint) is not { } target)
            throw ApiError.BadRequest($"\"endpoint\" is {Quoted.Name(endpoint)}; expected one of "
                + string.Join(", ", known.Select(e => e.Path)), "endpoint");
        call.Caller.Require(target.Right);
        _files.Find(call.Caller, file);
        if (window != "24h")
            throw ApiError.BadRequest($"\"completion_window\" is {Quoted.Name(window)}; expected 24h",
                "completion_window");
        if (metadata is { } about && (about.ValueKind != JsonValueKind.Object
            || about.GetRawText().Length > 16_384))
            throw JsonFieldsOfBody.Wrong("metadata", about, "an object of at most 16 KiB");
        if (_batches.Values.Count(b => b.Owner == call.Caller.Name && !b.IsOver) >= MostOpenPerKey)
            throw ApiError.TooMany($"this key has {MostOpenPerKey} batches that are not over",
                TimeSpan.FromSeconds(30));
        Batch batch = Batch.Create(_folder, call.Caller, endpoint, file, window,
            metadata is { } given ? JsonNode.Parse(given.GetRawText())!.AsObject() : null, key);
        JsonObject answer = batch.ToJson();
        _batches[batch.Id] = batch;
        _queue.Writer.TryWrite(batch);
        return answer;
    }

    Batch Find(Call call)
    {
        string id = call.Values["id"];
        return _batches.TryGetValue(id, out Batch? batch) && batch.Owner == call.Caller.Name ? batch
            : throw new ApiError(404, $"there is no batch {Quoted.Name(id)}", param: "batch_id",
                code: "batch_not_found");
    }

    async Task Work()
    {
        try
        {
            await foreach (Batch batch in _queue.Reader.ReadAllAsync(_stop.Token))
                await Run(batch);
        }
        catch (OperationCanceledException)
        {
        }
    }

    async Task Run(Batch batch)
    {
        try
        {
            await _runner.Run(batch, _byName(batch.Owner), _stop.Token);
        }
#pragma warning disable CA1031 // one batch's defect is not the next one's
        catch (Exception e)
#pragma warning restore CA1031
        {
            _log($"{batch.Id}: {e}");
            try
            {
                batch.Set("failed");
            }
            catch (UserException full)
            {
                _log($"{batch.Id}: {full.Message}");
            }
        }
    }
}
