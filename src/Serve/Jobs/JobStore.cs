using System.Collections.Concurrent;
using System.Text.Json;
using System.Text.Json.Nodes;
using HeadTap.Runtime;

namespace HeadTap.Serve;

/// <summary>
/// Runs verbs as child processes, a few at a time in the order they came. A job that ran when the server
/// stopped starts again with it: its verb goes on where its run folder says.
/// </summary>
sealed class JobStore : IAsyncDisposable
{
    internal const string IdPrefix = "job_";

    readonly string _folder;
    readonly ServerOptions _options;
    readonly ServedModels _models;
    readonly FileStore _files;
    readonly IJobVerbs _verbs;
    readonly Action<string> _log;
    readonly ConcurrentDictionary<string, ServedJob> _jobs = new(StringComparer.Ordinal);
    readonly IdempotentAnswers _answers = new();
    readonly CancellationTokenSource _stop = new();
    readonly SemaphoreSlim _wake = new(0);
    readonly Task[] _workers;
    readonly Lock _take = new();
    readonly HashSet<string> _taken = new(StringComparer.Ordinal);
    long _sequence;

    /// <exception cref="UserException">The folder cannot be used.</exception>
    internal JobStore(ServerOptions options, ServedModels models, FileStore files, IJobVerbs verbs,
        Action<string> log)
    {
        _folder = Path.Combine(Path.GetFullPath(options.DataFolder!), "jobs");
        (_options, _models, _files, _verbs, _log) = (options, models, files, verbs, log);
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
                $"{Quoted.Path(options.DataFolder!)}: cannot be used for jobs ({Quoted.Line(e.Message)})", e);
        }
        _workers = [.. Enumerable.Range(0, options.JobsAtOnce).Select(_ => Task.Run(Work))];
    }

    internal IEnumerable<Route> Routes() =>
    [
        new("GET", "/v1/headtap/jobs/verbs", Right.Jobs, RouteBody.None, Verbs),
        new("POST", "/v1/headtap/jobs", Right.Jobs, RouteBody.Json, Create),
        new("GET", "/v1/headtap/jobs", Right.Jobs, RouteBody.None, call => Json(FileRoutes.Page(call,
            [.. _jobs.Values.Where(j => j.Owner == call.Caller.Name).OrderByDescending(j => j.Sequence)],
            j => j.Id, ToJson, 20, 100))),
        new("GET", "/v1/headtap/jobs/{id}", Right.Jobs, RouteBody.None, call => Json(ToJson(Find(call)))),
        new("POST", "/v1/headtap/jobs/{id}/cancel", Right.Jobs, RouteBody.None, Cancel),
        new("DELETE", "/v1/headtap/jobs/{id}", Right.Jobs, RouteBody.None, Delete),
        new("GET", "/v1/headtap/jobs/{id}/log", Right.Jobs, RouteBody.None, Log),
        new("GET", "/v1/headtap/jobs/{id}/artefacts", Right.Jobs, RouteBody.None, Artefacts),
        new("GET", "/v1/headtap/jobs/{id}/artefacts/{path*}", Right.Jobs, RouteBody.None, Artefact),
    ];

    /// <summary>Asks running jobs to save and stop; they and those that wait go on at the next
    /// start.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_workers);
        _stop.Dispose();
        _wake.Dispose();
    }

    static Task<Reply?> Json(JsonObject body) => Task.FromResult<Reply?>(new JsonReply(200, body));

    void Load(string path)
    {
        ServedJob job = ServedJob.Load(path);
        _jobs[job.Id] = job;
        _answers.Load(job.Owner, job.Idempotency);
        _sequence = Math.Max(_sequence, job.Sequence);
        if (job.Process is { } left)
            JobProcess.EndLeftOver(left.Id, left.Started);
        if (job.IsOver)
            return;
        job.Queue();
        _wake.Release();
    }

    Task<Reply?> Verbs(Call call) => Json(new JsonObject
    {
        ["object"] = "list",
        ["data"] = new JsonArray([.. _verbs.All.Select(verb => (JsonNode)new JsonObject
        {
            ["verb"] = verb.Name,
            ["help"] = verb.Help,
            ["options"] = new JsonArray([.. verb.Options.Select(o => (JsonNode)new JsonObject
            {
                ["name"] = o.Name,
                ["takes"] = o.Kind.ToString().ToLowerInvariant(),
                ["many"] = o.IsMany,
                ["required"] = o.IsRequired,
                ["help"] = o.Help,
            })]),
        })]),
    });

    Task<Reply?> Create(Call call) => Json(_answers.Answer(call, key => Make(call, key)));

    JsonObject Make(Call call, IdempotencyKey? key)
    {
        var fields = new JsonFieldsOfBody(call.Body);
        string name = fields.Required("verb");
        JsonElement options = fields.Get("options")
            ?? throw ApiError.BadRequest("\"options\" is missing; expected an object", "options");
        fields.RequireNoOther();
        if (options.ValueKind != JsonValueKind.Object)
            throw JsonFieldsOfBody.Wrong("options", options, "an object");
        JobVerb verb = _verbs.All.FirstOrDefault(v => v.Name == name)
            ?? throw ApiError.BadRequest($"jobs do not run {Quoted.Name(name)}"
                + NearestName.Hint(name, _verbs.All.Select(v => v.Name))
                + "; GET /v1/headtap/jobs/verbs lists those they run", "verb");
        if (_jobs.Values.Count(j => j.Owner == call.Caller.Name && !j.IsOver) >= _options.JobsPerKey)
            throw ApiError.TooMany($"this key has {Counted.Of(_options.JobsPerKey, "job")} that wait or run",
                TimeSpan.FromSeconds(30));
        ServedJob job = Prepare(call.Caller, verb, options, key);
        // Before a worker takes it: the key's answer is the same.
        JsonObject answer = job.ToJson((int?)job.Idempotency?["answer"]!["position"] ?? Waiting() + 1);
        _jobs[job.Id] = job;
        _wake.Release();
        return answer;
    }

    int Waiting() => _jobs.Values.Count(j => j.State == "queued");

    ServedJob Prepare(Caller caller, JobVerb verb, JsonElement options, IdempotencyKey? key)
    {
        string id = RandomId.Of(IdPrefix), folder = Path.Combine(_folder, id);
        string work = Path.Combine(folder, "work");
        try
        {
            Directory.CreateDirectory(work);
            var resolver = new JobArguments(_models, _files, FolderOf);
            IReadOnlyList<string> arguments = resolver.Of(caller, verb, options, work);
            foreach ((string to, string from) in resolver.Inputs)
            {
                Directory.CreateDirectory(Path.GetDirectoryName(to)!);
                File.Copy(from, to);
            }
            foreach (string path in _verbs.Check(arguments))
                if (!resolver.Folders.Append(work).Any(
                    f => JobArguments.IsIn(Path.GetFullPath(path, work), f)))
                    throw ApiError.BadRequest(
                        "a file of the job names a place outside its folder", "options");
            return ServedJob.Create(folder, id, caller, Interlocked.Increment(ref _sequence), verb.Name,
                JsonNode.Parse(options.GetRawText())!, [.. arguments, "--json"], key, Waiting() + 1);
        }
        catch (Exception e)
        {
            Directory.Delete(folder, recursive: true);
            // The client gave no path of the server and is shown none.
            if (e is UserException user)
                throw ApiError.BadRequest(user.Message.Replace(work + "/", "").Replace(work, "."), "options");
            throw;
        }
    }

    string? FolderOf(Caller caller, string id)
        => _jobs.TryGetValue(id, out ServedJob? job) && job.Owner == caller.Name ? job.Work : null;

    ServedJob Find(Call call)
    {
        string id = call.Values["id"];
        return _jobs.TryGetValue(id, out ServedJob? job) && job.Owner == call.Caller.Name ? job
            : throw new ApiError(404, $"there is no job {Quoted.Name(id)}", param: "job_id",
                code: "job_not_found");
    }

    JsonObject ToJson(ServedJob job) => job.ToJson(job.State != "queued" ? null
        : _jobs.Values.Count(j => j.State == "queued" && j.Sequence <= job.Sequence));

    Task<Reply?> Cancel(Call call)
    {
        ServedJob job = Find(call);
        job.Cancel.Cancel();
        lock (_take)
            if (job.State == "queued" && !_taken.Contains(job.Id))
                job.End("cancelled", null, null);
        return Json(ToJson(job));
    }

    Task<Reply?> Delete(Call call)
    {
        ServedJob job = Find(call);
        if (!job.IsOver)
            throw new ApiError(409, "the job is not over; cancel it first", code: "job_not_over",
                shouldRetry: false);
        if (_jobs.TryRemove(job.Id, out _))
        {
            _answers.Forget(job.Owner, job.Idempotency);
            Directory.Move(job.Folder, job.Folder + ".tmp");
            Directory.Delete(job.Folder + ".tmp", recursive: true);
        }
        return Json(new JsonObject { ["id"] = job.Id, ["object"] = "headtap.job", ["deleted"] = true });
    }

    async Task<Reply?> Log(Call call)
    {
        ServedJob job = Find(call);
        return new BytesReply(200, "text/plain; charset=utf-8", async (body, cancel) =>
        {
            if (!File.Exists(job.LogFile))
                return;
            await using var log =
                new FileStream(job.LogFile, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            await log.CopyToAsync(body, cancel);
        });
    }

    Task<Reply?> Artefacts(Call call)
    {
        ServedJob job = Find(call);
        var all = new DirectoryInfo(job.Work).EnumerateFiles("*", new EnumerationOptions
        {
            RecurseSubdirectories = true, AttributesToSkip = FileAttributes.ReparsePoint,
        });
        return Json(new JsonObject
        {
            ["object"] = "list",
            ["data"] = new JsonArray([.. all
                .Select(f => (Path: Path.GetRelativePath(job.Work, f.FullName).Replace('\\', '/'), f.Length))
                .OrderBy(f => f.Path, StringComparer.Ordinal)
                .Select(f => (JsonNode)new JsonObject { ["path"] = f.Path, ["bytes"] = f.Length })]),
        });
    }

    async Task<Reply?> Artefact(Call call)
    {
        ServedJob job = Find(call);
        string text = call.Values["path"];
        string path = JobArguments.Inside("path", job.Work, text);
        var file = new FileInfo(path);
        if (!file.Exists || file.LinkTarget is not null)
            throw new ApiError(404, $"the job has no artefact {Quoted.Name(text)}",
                code: "artefact_not_found");
        await FileRoutes.SendFile(call, path, file.Name, $"{file.LastWriteTimeUtc.Ticks:x}-{file.Length:x}",
            file.LastWriteTimeUtc);
        return null;
    }

    async Task Work()
    {
        try
        {
            while (true)
            {
                await _wake.WaitAsync(_stop.Token);
                if (Take() is { } job)
                    await Run(job);
            }
        }
        catch (OperationCanceledException)
        {
        }
    }

    // The oldest that waits.
    ServedJob? Take()
    {
        lock (_take)
        {
            ServedJob? job = _jobs.Values.Where(j => j.State == "queued" && !_taken.Contains(j.Id))
                .MinBy(j => j.Sequence);
            if (job is not null)
                _taken.Add(job.Id);
            return job;
        }
    }

    async Task Run(ServedJob job)
    {
        try
        {
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(job.Cancel.Token, _stop.Token);
            int code = await JobProcess.Run(job, _options.JobProgram, stop.Token);
            if (code != 0 && job.Cancel.IsCancellationRequested)
                job.End("cancelled", code, null);
            else if (code != 0 && _stop.IsCancellationRequested)
                job.Queue();
            else
                job.End(code == 0 ? "completed" : "failed", code, code == 0 ? null : ErrorOf(job, code));
        }
#pragma warning disable CA1031 // one job's defect is not the next one's
        catch (Exception e)
#pragma warning restore CA1031
        {
            _log($"{job.Id}: {e}");
            TryFail(job);
        }
    }

    void TryFail(ServedJob job)
    {
        try
        {
            job.End("failed", null, "the server could not run the program");
        }
        catch (UserException e)
        {
            _log($"{job.Id}: {e.Message}");
        }
    }

    // The program says in its last line why it refuses; a defect's stack is for the server's owner.
    static string ErrorOf(ServedJob job, int code)
    {
        string last = job.ShownTail().TrimEnd().Split('\n')[^1];
        return code == 2 && last.StartsWith("headtap: ", StringComparison.Ordinal)
            ? last["headtap: ".Length..]
            : $"the verb ended with exit code {code}";
    }
}
