using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;

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
                await bytes.Write(call.Http.Response.Body, call.Aborted);
                break;
            case EventsReply events:
                await WriteEvents(call, events, ready);
                break;
            default:
                throw new InvalidOperationException($"no such reply: {reply.GetType()}");
        }
    }

    /// <summary>Writes an error as an error object with the headers of its kind.</summary>
    internal static async Task WriteError(Call call, ApiError error, Action ready)
    {
        HttpResponse response = call.Http.Response;
        if (error.RetryAfter is { } wait)
            response.Headers.RetryAfter = Math.Max(1, (long)Math.Ceiling(wait.TotalSeconds)).ToString();
        if (!error.ShouldRetry)
            response.Headers["x-should-retry"] = "false";
        await WriteJson(call, new JsonReply(error.Status, error.ToJson()), ready);
    }

    // By the client's token alone: that the server stops is itself an answer.
    static async Task WriteJson(Call call, JsonReply json, Action ready)
    {
        // Before the status: a number that JSON does not have is an error of its own.
        byte[] bytes = JsonText.Bytes(json.Body);
        Start(call, json.Status, "application/json; charset=utf-8", json.Headers, ready);
        call.Http.Response.ContentLength = bytes.Length;
        await call.Http.Response.Body.WriteAsync(bytes, call.Http.RequestAborted);
    }

    async Task WriteEvents(Call call, EventsReply reply, Action ready)
    {
        await using IAsyncEnumerator<string> events = reply.Events.GetAsyncEnumerator(call.Aborted);
        bool any = await events.MoveNextAsync();
        Start(call, 200, "text/event-stream", reply.Headers, ready);
        call.Http.Response.Headers.CacheControl = "no-cache";
        // A stream is as slow as its model; what counts is whether the client reads what there is.
        if (call.Http.Features.Get<IHttpMinResponseDataRateFeature>() is { } rate)
            rate.MinDataRate = null;
        call.Http.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
        try
        {
            for (; any; any = await events.MoveNextAsync())
                await Send(call, Frame(events.Current));
        }
        catch (Exception e) when (!call.Http.RequestAborted.IsCancellationRequested)
        {
            ApiError error = RequestHandler.ToError(e, call, log);
            await Send(call, Frame(Encoding.UTF8.GetString(JsonText.Bytes(error.ToJson()))));
            return;
        }
        await Send(call, s_done);
    }

    // JSON has line ends only between its tokens, where a blank is as good.
    static byte[] Frame(string json)
        => Encoding.UTF8.GetBytes($"data: {json.Replace('\n', ' ').Replace('\r', ' ')}\n\n");

    async Task Send(Call call, byte[] frame)
    {
        using var stall = CancellationTokenSource.CreateLinkedTokenSource(call.Http.RequestAborted);
        stall.CancelAfter(options.StallTimeout);
        try
        {
            await call.Http.Response.Body.WriteAsync(frame, stall.Token);
            await call.Http.Response.Body.FlushAsync(stall.Token);
        }
        catch (OperationCanceledException) when (!call.Http.RequestAborted.IsCancellationRequested)
        {
            log($"{call.Id}: the client does not read its events; the connection is closed");
            call.Http.Abort();
            throw new OperationCanceledException("the client does not read", new CancellationToken(true));
        }
    }

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
