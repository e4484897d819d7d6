using System.Text;
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
        await WriteJson(call, new JsonReply(error.Status, error.ToJson()), ready);
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
        await using IAsyncEnumerator<string> events = reply.Events.GetAsyncEnumerator(call.Aborted);
        bool any = await events.MoveNextAsync();
        Start(call, 200, "text/event-stream", reply.Headers, ready);
        call.Http.Response.Headers.CacheControl = "no-cache";
        await using PatientStream body = Body(call);
        try
        {
            for (; any; any = await events.MoveNextAsync())
                await Send(call, body, Frame(events.Current));
        }
        catch (Exception e) when (!call.Http.RequestAborted.IsCancellationRequested)
        {
            ApiError error = RequestHandler.ToError(e, call, log);
            await Send(call, body, Frame(Encoding.UTF8.GetString(JsonText.Bytes(error.ToJson()))));
            return;
        }
        await Send(call, body, s_done);
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
