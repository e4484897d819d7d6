using System.Text.Json.Nodes;
using HeadTap.Runtime;

namespace HeadTap.Serve;

/// <summary>Asks an endpoint every line of a batch that is not done yet.</summary>
sealed class BatchRunner(
    FileStore files, IReadOnlyList<IEndpoint> endpoints, int maxDepth, int width, Action<string> log)
{
    const int MostLines = 50_000;

    /// <summary>Runs a batch to its end.</summary>
    /// <param name="batch">The batch.</param>
    /// <param name="owner">Its caller; null if the key was removed.</param>
    /// <param name="stop">Cancelled when the server stops; the batch goes on at the next start.</param>
    internal async Task Run(Batch batch, Caller? owner, CancellationToken stop)
    {
        if (owner is null || endpoints.FirstOrDefault(e => e.Path == batch.Endpoint) is not { } endpoint
            || !owner.Rights.Contains(endpoint.Right))
        {
            Fail(batch, "not_allowed", "the key was removed or may no longer use this endpoint");
            return;
        }
        string input;
        try
        {
            input = files.PathOf(owner, batch.InputFile);
        }
        catch (ApiError e)
        {
            Fail(batch, "file_not_found", e.Message);
            return;
        }
        int total = CountLines(input);
        if (total is 0 or > MostLines)
        {
            Fail(batch, total == 0 ? "empty_file" : "too_many_lines",
                $"the file has {Counted.Of(total, "line")}; expected 1 to {MostLines}");
            return;
        }
        if (batch.Status == "validating")
            batch.Set("in_progress");
        var done = new HashSet<int>();
        using (var output = new BatchOutput(Path.Combine(batch.Folder, "output.jsonl"), done))
        using (var errors = new BatchOutput(Path.Combine(batch.Folder, "errors.jsonl"), done))
        {
            void Count() => batch.Count(total, output.Lines, errors.Lines);
            Count();
            using var cancel = CancellationTokenSource.CreateLinkedTokenSource(batch.Cancel.Token, stop);
            if (batch.Status == "cancelling")
                await cancel.CancelAsync();
            try
            {
                await Parallel.ForEachAsync(Lines(input, batch.Endpoint, done), new ParallelOptions
                {
                    MaxDegreeOfParallelism = width, CancellationToken = cancel.Token,
                }, async (line, token) =>
                {
                    using (line)
                        await Ask(endpoint, owner, line, output, errors, token);
                    Count();
                });
            }
            catch (OperationCanceledException) when (cancel.IsCancellationRequested)
            {
                if (!batch.Cancel.IsCancellationRequested && batch.Status != "cancelling")
                    return; // the server stops
            }
            Count();
        }
        await Finish(batch, owner);
    }

    IEnumerable<BatchLine> Lines(string input, string endpoint, HashSet<int> done)
    {
        using FileStream stream = File.OpenRead(input);
        var seen = new HashSet<string>(StringComparer.Ordinal);
        int number = 0;
        foreach (ReadOnlyMemory<byte> bytes in JsonLines.Of(stream))
        {
            number++;
            if (IsBlank(bytes.Span))
                continue;
            BatchLine line = BatchLine.Read(number, bytes, endpoint, maxDepth);
            // Also of lines that are done: their names are taken.
            bool twice = line.CustomId is { } id && !seen.Add(id);
            if (done.Contains(number))
                line.Dispose();
            else if (twice && line.Wrong is null)
                yield return line with { Wrong = $"custom_id {Quoted.Name(line.CustomId!)} is there twice" };
            else
                yield return line;
        }
    }

    async Task Ask(IEndpoint endpoint, Caller owner, BatchLine line, BatchOutput output, BatchOutput errors,
        CancellationToken cancel)
    {
        if (line.Wrong is { } wrong)
        {
            errors.Write(line.Refusal(wrong));
            return;
        }
        string id = RandomId.Of("req-");
        (int status, JsonNode body) = await Answer(endpoint, owner, line, id, cancel);
        (status < 400 ? output : errors).Write(new JsonObject
        {
            ["id"] = RandomId.Of("batch_req_"),
            ["custom_id"] = line.CustomId,
            ["response"] = new JsonObject
            {
                ["status_code"] = status, ["request_id"] = id, ["body"] = body,
            },
            ["error"] = null,
            ["line"] = line.Number,
        });
    }

    static async Task<(int Status, JsonNode Body)> BodyOf(Reply reply, CancellationToken cancel)
    {
        if (reply is JsonReply json)
            return (json.Status, json.Body.DeepClone());
        if (reply is BytesReply { ContentType: var type } bytes
            && type.StartsWith("application/json", StringComparison.Ordinal))
        {
            using var body = new MemoryStream();
            await bytes.Write(body, cancel);
            body.Position = 0;
            return (bytes.Status, (await JsonNode.ParseAsync(body, cancellationToken: cancel))!);
        }
        throw ApiError.BadRequest("a batch takes replies of JSON only; no streams, no bytes");
    }

    async Task<(int Status, JsonNode Body)> Answer(
        IEndpoint endpoint, Caller owner, BatchLine line, string id, CancellationToken cancel)
    {
        while (true)
            try
            {
                Reply reply = await endpoint.Answer(
                    new EndpointRequest(line.Body!.RootElement, owner, id, "application/json", cancel));
                return await BodyOf(reply, cancel);
            }
            catch (ApiError e) when (e.Status is 429 or 503 && e.ShouldRetry)
            {
                // The queue is full: people come first, a batch has time.
                await Task.Delay(e.RetryAfter ?? TimeSpan.FromSeconds(1), cancel);
            }
            catch (ApiError e)
            {
                return (e.Status, e.ToJson());
            }
            catch (UserException e)
            {
                return (400, ApiError.BadRequest(e.Message).ToJson());
            }
            catch (OperationCanceledException) when (cancel.IsCancellationRequested)
            {
                throw;
            }
#pragma warning disable CA1031 // one line's defect is not the batch's
            catch (Exception e)
#pragma warning restore CA1031
            {
                log($"{id}: {e}");
                return (500, new ApiError(
                    500, $"the server failed; its log has the reason under the request id {id}").ToJson());
            }
    }

    async Task Finish(Batch batch, Caller owner)
    {
        bool cancelled = batch.Status == "cancelling";
        if (!cancelled)
            batch.Set("finalizing");
        string? output = await Store("output"), errors = await Store("errors");
        batch.Set(cancelled ? "cancelled" : "completed",
            ("output_file_id", output), ("error_file_id", errors));

        async Task<string?> Store(string name)
        {
            var file = new FileInfo(Path.Combine(batch.Folder, name + ".jsonl"));
            if (!file.Exists || file.Length == 0)
                return null;
            using FileStream content = file.OpenRead();
            return (await files.Add(owner, $"{batch.Id}_{name}.jsonl",
                name == "output" ? "batch_output" : "batch_errors", to => content.CopyToAsync(to))).Id;
        }
    }

    static void Fail(Batch batch, string code, string message)
    {
        var error = new JsonObject
        {
            ["code"] = code, ["message"] = message, ["line"] = null, ["param"] = null,
        };
        batch.Set("failed", ("errors", new JsonObject
        {
            ["object"] = "list", ["data"] = new JsonArray(error),
        }));
    }

    static int CountLines(string input)
    {
        using FileStream stream = File.OpenRead(input);
        return JsonLines.Of(stream).Count(line => !IsBlank(line.Span));
    }

    static bool IsBlank(ReadOnlySpan<byte> line) => line.Trim(" \t\r"u8).IsEmpty;
}
