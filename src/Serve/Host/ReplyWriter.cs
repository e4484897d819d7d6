using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;

namespace HeadTap.Serve;

/// <summary>Writes replies: JSON, bytes, event streams.</summary>
sealed class ReplyWriter(ServerOptions options, Action<string> log)
{
    static readonly byte[] s_done = "data: [DONE]\n\n"u8.ToArray();

    /// <summary>Writes a reply.</summary>
    /// <param name="call">The request.</param>
    /// <param name="reply">Its answer.</param>
    /// <param name="ready">Called just before the status goes out.</param>
    internal async Task Write(Call call, Reply reply, Action ready)
    {
        switch (reply)
        {
            case JsonReply json:
                await WriteJson(call, json, ready);
                break;
            case BytesReply bytes:
                Start(call, bytes.Status, bytes.ContentType, bytes.Headers, ready);
                await using (PatientStream body = Body(call))
                    await bytes.Write(body, call.Aborted);
                break;
            case EventsReply events:
                await WriteEvents(call, events, ready);
                break;
            default:
                throw new InvalidOperationException($"no such reply: {reply.GetType()}");
        }
    }

    /// <summary>Writes an error as an error object with the headers of its kind.</summary>
    internal async Task WriteError(Call call, ApiError error, Action ready)
    {
        HttpResponse response = call.Http.Response;
        if (error.RetryAfter is { } wait)
            response.Headers.RetryAfter = Math.Max(1, (long)Math.Ceiling(wait.TotalSeconds)).ToString();
        if (!error.ShouldRetry)
            response.Headers["x-should-retry"] = "false";
        JsonObject body = error.ToJson();
        if (options.DataFolder is { } data && body["error"] is JsonObject shown)
            // Where the server keeps its files is nobody's business.
            shown["message"] = error.Message.Replace(Path.GetFullPath(data) + "/", "",
                StringComparison.Ordinal);
        await WriteJson(call, new JsonReply(error.Status, body), ready);
    }

    // By the client's token alone: that the server stops is itself an answer.
    async Task WriteJson(Call call, JsonReply json, Action ready)
    {
        // Before the status: a number that JSON does not have is an error of its own.
        byte[] bytes = JsonText.Bytes(json.Body);
        Start(call, json.Status, "application/json; charset=utf-8", json.Headers, ready);
        call.Http.Response.ContentLength = bytes.Length;
        await using PatientStream body = Body(call);
        await body.WriteAsync(bytes, call.Http.RequestAborted);
    }

    async Task WriteEvents(Call call, EventsReply reply, Action ready)
    {
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(call.Aborted);
        await using IAsyncEnumerator<string> events = reply.Events.GetAsyncEnumerator(ends.Token);
        Task<bool> next = events.MoveNextAsync().AsTask();
        PatientStream? body = null;
        try
        {
            while (true)
            {
                while (!await ComesSoon(next))
                    await Send(call, body ??= Begin(), Encoding.UTF8.GetBytes($": {reply.State()}\n\n"));
                bool any = await next;
                await Send(call, body ??= Begin(), any ? Frame(events.Current) : s_done);
                if (!any)
                    return;
                next = events.MoveNextAsync().AsTask();
            }
        }
        catch (Exception e) when (body is not null && !call.Http.RequestAborted.IsCancellationRequested)
        {
            ApiError error = RequestHandler.ToError(e, call, log);
            await Send(call, body, Frame(Encoding.UTF8.GetString(JsonText.Bytes(error.ToJson()))));
        }
        finally
        {
            // What still runs cannot be disposed.
            await ends.CancelAsync();
            await ((Task)next).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (body is not null)
                await body.DisposeAsync();
        }

        PatientStream Begin()
        {
            Start(call, 200, "text/event-stream", reply.Headers, ready);
            call.Http.Response.Headers.CacheControl = "no-cache";
            return Body(call);
        }
    }

    // False once the stream was silent for too long.
    async Task<bool> ComesSoon(Task next)
    {
        if (next.IsCompleted)
            return true;
        using var over = new CancellationTokenSource();
        Task silence = Task.Delay(options.CommentAfter, options.StreamClock, over.Token);
        Task first = await Task.WhenAny(next, silence);
        await over.CancelAsync();
        return first == next;
    }

    // JSON has line ends only between its tokens, where a blank is as good.
    static byte[] Frame(string json)
        => Encoding.UTF8.GetBytes($"data: {json.Replace('\n', ' ').Replace('\r', ' ')}\n\n");

    static async Task Send(Call call, PatientStream body, byte[] frame)
    {
        await body.WriteAsync(frame, call.Http.RequestAborted);
        await body.FlushAsync(call.Http.RequestAborted);
    }

    PatientStream Body(Call call) => new(call.Http, options.StallTimeout,
        () => log($"{call.Id}: the client does not read its reply; the connection is closed"));

    static void Start(Call call, int status, string type,
        IReadOnlyList<(string Name, string Value)>? headers, Action ready)
    {
        HttpResponse response = call.Http.Response;
        response.StatusCode = status;
        response.ContentType = type;
        foreach ((string name, string value) in headers ?? [])
            response.Headers[name] = value;
        ready();
    }
}
