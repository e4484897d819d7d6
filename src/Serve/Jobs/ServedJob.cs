using System.Text;
using System.Text.Json.Nodes;
using HeadTap.Models;

namespace HeadTap.Serve;

/// <summary>
/// A job as its folder has it: <c>job.json</c> says what it is and how far; <c>work</c> is the verb's own
/// folder; <c>log.txt</c> has what it said.
/// </summary>
sealed class ServedJob
{
    const int TailBytes = 4096;

    readonly Lock _lock = new();
    readonly JsonObject _state;

    ServedJob(string folder, JsonObject state) => (Folder, _state) = (folder, state);

    internal string Folder { get; }

    internal string Work => Path.Combine(Folder, "work");

    internal string LogFile => Path.Combine(Folder, "log.txt");

    internal string ProgressFile => Path.Combine(Folder, "progress.json");

    internal string Id => (string)Get("id")!;

    internal string Owner => (string)Get("owner")!;

    internal string State => (string)Get("state")!;

    internal long CreatedAt => (long)Get("created_at")!;

    internal long Sequence => (long)Get("sequence")!;

    /// <summary>The key of the request that made it; null if it had none.</summary>
    internal JsonNode? Idempotency => Get(IdempotentAnswers.Field)?.DeepClone();

    internal bool IsOver => State is "completed" or "failed" or "cancelled";

    internal IReadOnlyList<string> Arguments
    {
        get
        {
            lock (_lock)
                return [.. _state["arguments"]!.AsArray().Select(a => (string)a!)];
        }
    }

    /// <summary>The process of a run that was never seen to end; null if there is none.</summary>
    internal (int Id, long Started)? Process
    {
        get
        {
            lock (_lock)
                return _state["process"] is { } p ? ((int)p["id"]!, (long)p["started"]!) : null;
        }
    }

    /// <summary>Cancelled when the user cancels the job.</summary>
    internal CancellationTokenSource Cancel { get; } = new();

    /// <summary>A new job.</summary>
    /// <param name="folder">Its folder, where its inputs are already.</param>
    /// <param name="id">Its name.</param>
    /// <param name="owner">Whose it is.</param>
    /// <param name="sequence">Its place among all jobs.</param>
    /// <param name="verb">The verb.</param>
    /// <param name="options">The options as they were asked for.</param>
    /// <param name="arguments">The program's arguments.</param>
    /// <param name="key">The request's key; null if it has none.</param>
    /// <param name="position">Its place in the queue from 1.</param>
    internal static ServedJob Create(string folder, string id, Caller owner, long sequence, string verb,
        JsonNode options, IReadOnlyList<string> arguments, IdempotencyKey? key, int position)
    {
        var state = new JsonObject
        {
            ["id"] = id,
            ["object"] = "headtap.job",
            ["verb"] = verb,
            ["options"] = options,
            ["state"] = "queued",
            ["created_at"] = Now(),
            ["started_at"] = null,
            ["ended_at"] = null,
            ["runs"] = 0,
            ["exit_code"] = null,
            ["error"] = null,
            ["sequence"] = sequence,
            ["owner"] = owner.Name,
            ["arguments"] = new JsonArray([.. arguments.Select(a => (JsonNode)a)]),
            ["process"] = null,
        };
        var job = new ServedJob(folder, state);
        if (key is not null)
            state[IdempotentAnswers.Field] = key.ToState(job.ToJson(position));
        job.Save();
        return job;
    }

    /// <summary>A job of an earlier run of the server.</summary>
    internal static ServedJob Load(string folder) => new(folder,
        JsonNode.Parse(File.ReadAllBytes(Path.Combine(folder, "job.json")))!.AsObject());

    /// <summary>The object of <c>/v1/headtap/jobs</c>, without what is the server's own.</summary>
    /// <param name="position">Place in the queue from 1; null if it does not wait.</param>
    internal JsonObject ToJson(int? position)
    {
        JsonObject copy;
        lock (_lock)
            copy = _state.DeepClone().AsObject();
        foreach (string own in (string[])["owner", "arguments", "process", "sequence",
            IdempotentAnswers.Field])
            copy.Remove(own);
        copy["position"] = position;
        copy["progress"] = Progress();
        copy["log_tail"] = ShownTail();
        return copy;
    }

    internal void Queue() => Set(("state", "queued"), ("process", null));

    internal void Begin(int process, long started) => Set(("state", "running"), ("started_at", Now()),
        ("runs", (int)Get("runs")! + 1),
        ("process", new JsonObject { ["id"] = process, ["started"] = started }));

    internal void End(string state, int? exitCode, string? error) => Set(("state", state),
        ("ended_at", Now()), ("exit_code", exitCode), ("error", error), ("process", null));

    static long Now() => DateTimeOffset.UtcNow.ToUnixTimeSeconds();

    JsonNode? Get(string name)
    {
        lock (_lock)
            return _state[name];
    }

    void Set(params ReadOnlySpan<(string Name, JsonNode? Value)> fields)
    {
        lock (_lock)
        {
            foreach ((string name, JsonNode? value) in fields)
                _state[name] = value;
            Save();
        }
    }

    void Save() => AtomicFile.WriteText(
        Path.Combine(Folder, "job.json"), _state.ToJsonString(JsonText.Indented) + "\n");

    JsonNode? Progress()
    {
        try
        {
            return JsonNode.Parse(File.ReadAllBytes(ProgressFile));
        }
        catch (Exception e) when (e is IOException or System.Text.Json.JsonException)
        {
            return null;
        }
    }

    /// <summary>The last lines of the log for the caller, without the server's own folders.</summary>
    internal string ShownTail() => Tail().Replace(Work + "/", "", StringComparison.Ordinal)
        .Replace(Path.GetDirectoryName(Folder) + "/", "", StringComparison.Ordinal);

    /// <summary>The last lines of the log.</summary>
    internal string Tail()
    {
        try
        {
            using var log = new FileStream(
                LogFile, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            log.Seek(-Math.Min(log.Length, TailBytes), SeekOrigin.End);
            byte[] bytes = new byte[TailBytes];
            int length = log.ReadAtLeast(bytes, TailBytes, throwOnEndOfStream: false);
            // The cut may be within a character; the text begins at the next one.
            int from = 0;
            while (from < Math.Min(3, length) && (bytes[from] & 0xC0) == 0x80)
                from++;
            return Encoding.UTF8.GetString(bytes, from, length - from);
        }
        catch (IOException)
        {
            return "";
        }
    }
}
