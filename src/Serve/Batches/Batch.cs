using System.Text.Json.Nodes;
using HeadTap.Models;

namespace HeadTap.Serve;

/// <summary>
/// A batch as its folder has it: <c>batch.json</c> says how far it is; <c>output.jsonl</c> and
/// <c>errors.jsonl</c> have a line for each request that is done.
/// </summary>
sealed class Batch
{
    readonly Lock _lock = new();
    readonly JsonObject _state;

    Batch(string folder, JsonObject state) => (Folder, _state) = (folder, state);

    internal string Folder { get; }

    internal string Id => Text("id")!;

    internal string Owner => Text("owner")!;

    internal string Endpoint => Text("endpoint")!;

    internal string InputFile => Text("input_file_id")!;

    internal string Status => Text("status")!;

    internal long CreatedAt
    {
        get
        {
            lock (_lock)
                return (long)_state["created_at"]!;
        }
    }

    internal bool IsOver => Status is "completed" or "failed" or "cancelled" or "expired";

    /// <summary>The key of the request that made it; null if it had none.</summary>
    internal JsonNode? Idempotency
    {
        get
        {
            lock (_lock)
                return _state[IdempotentAnswers.Field]?.DeepClone();
        }
    }

    /// <summary>Cancelled when the user cancels the batch.</summary>
    internal CancellationTokenSource Cancel { get; } = new();

    /// <summary>A new batch, in its folder.</summary>
    internal static Batch Create(
        string root, Caller owner, string endpoint, string inputFile, string window, JsonObject? metadata,
        IdempotencyKey? key)
    {
        string id = RandomId.Of(BatchStore.IdPrefix);
        long now = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        var state = new JsonObject
        {
            ["id"] = id,
            ["object"] = "batch",
            ["endpoint"] = endpoint,
            ["errors"] = null,
            ["input_file_id"] = inputFile,
            ["completion_window"] = window,
            ["status"] = "validating",
            ["output_file_id"] = null,
            ["error_file_id"] = null,
            ["created_at"] = now,
            ["in_progress_at"] = null,
            ["expires_at"] = now + 24 * 3600,
            ["finalizing_at"] = null,
            ["completed_at"] = null,
            ["failed_at"] = null,
            ["expired_at"] = null,
            ["cancelling_at"] = null,
            ["cancelled_at"] = null,
            ["request_counts"] = Counts(0, 0, 0),
            ["metadata"] = metadata,
        };
        JsonObject? idempotency = key?.ToState(state);
        state["owner"] = owner.Name;
        if (idempotency is not null)
            state[IdempotentAnswers.Field] = idempotency;
        string folder = Path.Combine(root, id);
        AtomicFolder.Write(folder, at => Write(at, state));
        return new Batch(folder, state);
    }

    /// <summary>A batch of an earlier run of the server.</summary>
    internal static Batch Load(string folder) => new(folder,
        JsonNode.Parse(File.ReadAllBytes(Path.Combine(folder, "batch.json")))!.AsObject());

    /// <summary>The object of <c>/v1/batches</c>; its owner is nobody's business.</summary>
    internal JsonObject ToJson()
    {
        lock (_lock)
        {
            JsonObject copy = _state.DeepClone().AsObject();
            copy.Remove("owner");
            copy.Remove(IdempotentAnswers.Field);
            return copy;
        }
    }

    /// <summary>Sets fields and saves them.</summary>
    /// <param name="status">The new status; its time is set too.</param>
    /// <param name="fields">More fields.</param>
    internal void Set(string status, params ReadOnlySpan<(string Name, JsonNode? Value)> fields)
    {
        lock (_lock)
        {
            _state["status"] = status;
            if (_state.ContainsKey(status + "_at"))
                _state[status + "_at"] ??= DateTimeOffset.UtcNow.ToUnixTimeSeconds();
            foreach ((string name, JsonNode? value) in fields)
                _state[name] = value;
            Write(Folder, _state);
        }
    }

    /// <summary>Sets the counts; they are saved with the next status.</summary>
    internal void Count(int total, int completed, int failed)
    {
        lock (_lock)
            _state["request_counts"] = Counts(total, completed, failed);
    }

    /// <summary>Asks the batch to stop, if it is not over.</summary>
    internal void AskToCancel()
    {
        lock (_lock)
        {
            if (IsOver || Status == "cancelling")
                return;
            Set("cancelling");
        }
        Cancel.Cancel();
    }

    static JsonObject Counts(int total, int completed, int failed)
        => new() { ["total"] = total, ["completed"] = completed, ["failed"] = failed };

    static void Write(string folder, JsonObject state) => AtomicFile.WriteText(
        Path.Combine(folder, "batch.json"), state.ToJsonString(JsonText.Indented) + "\n");

    string? Text(string name)
    {
        lock (_lock)
            return (string?)_state[name];
    }
}
