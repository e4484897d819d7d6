using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using HeadTap.Runtime;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Primitives;

namespace HeadTap.Serve;

/// <summary>
/// Takes every request through the same steps: name, route, key, limits, right, body, answer, headers, log.
/// </summary>
sealed class RequestHandler(
    ServerOptions options, IReadOnlyList<Route> routes, KeyRing? keys, KeyBudgets budgets,
    ServerMeters meters, AuditLog audit, Action<string> log, CancellationToken ended)
{
    const int LongestId = 128;
    const int MostBodies = 256 << 20; // bytes of all bodies at once
    const int FramingBytes = 1 << 16; // Kestrel counts the lengths of chunks as the body's

    readonly ReplyWriter _writer = new(options, log);
    long _bodies;
    int _running, _cut;

    /// <summary>Requests that run.</summary>
    internal int Running => Volatile.Read(ref _running);

    /// <summary>Requests that still ran when the server's grace was over.</summary>
    internal int Cut => Volatile.Read(ref _cut);

    /// <summary>Answers a request.</summary>
    internal async Task Handle(HttpContext http)
    {
        Interlocked.Increment(ref _running);
        long began = Stopwatch.GetTimestamp();
        using var aborted = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted, ended);
        var call = new Call(http, IdOf(http), aborted.Token);
        long held = 0;
        JsonDocument? body = null;
        bool gone = false;
        try
        {
            Admit(call);
            if (call.Route!.Body == RouteBody.Json)
            {
                held = Hold(http.Request.ContentLength ?? options.MaxBodyBytes);
                body = await ReadBody(call);
            }
            if (await call.Route.Handle(call) is { } reply)
                await _writer.Write(call, reply, () => AddHeaders(call, began));
        }
        catch (OperationCanceledException) when (http.RequestAborted.IsCancellationRequested)
        {
            gone = true;
        }
#pragma warning disable CA1031 // whatever an endpoint throws becomes an error object
        catch (Exception e)
#pragma warning restore CA1031
        {
            ApiError error = ToError(e, call, log);
            if (http.Response.HasStarted)
                http.Abort(); // half a body cannot become another one
            else
                await TryWriteError(call, error, began);
        }
        finally
        {
            body?.Dispose();
            Interlocked.Add(ref _bodies, -held);
            Finish(call, began, gone || http.RequestAborted.IsCancellationRequested);
            if (ended.IsCancellationRequested)
                Interlocked.Increment(ref _cut);
            Interlocked.Decrement(ref _running);
        }
    }

    /// <summary>What the client is told of an exception; the log gets the rest.</summary>
    internal static ApiError ToError(Exception exception, Call call, Action<string> log)
    {
        switch (exception)
        {
            case ApiError error:
                if (error.Status >= 500)
                    log($"{call.Id}: {error.Status} {error.Message} {error.InnerException}");
                return error;
            case UserException user:
                return ApiError.BadRequest(user.Message);
            case BadHttpRequestException { StatusCode: 413 }:
                return new ApiError(413, "the body is too long", code: "body_too_large");
            case BadHttpRequestException bad:
                return new ApiError(bad.StatusCode is >= 400 and < 500 ? bad.StatusCode : 400,
                    bad.StatusCode == 408 ? "the body came too slowly" : "the request is not valid HTTP");
            case OperationCanceledException when call.Aborted.IsCancellationRequested:
                return new ApiError(503, "the server is stopping", retryAfter: TimeSpan.FromSeconds(1));
            default:
                log($"{call.Id}: {exception}");
                return new ApiError(500,
                    $"the server failed; its log has the reason under the request id {call.Id}");
        }
    }

    void Admit(Call call)
    {
        HttpRequest request = call.Http.Request;
        RequireOwnPage(request);
        string path = request.Path.Value ?? "/";
        string method = HttpMethods.IsHead(request.Method) ? "GET" : request.Method;
        var methods = new List<string>();
        foreach (Route route in routes)
            if (route.Match(path) is { } values)
            {
                if (route.Method == method)
                {
                    (call.Route, call.Values) = (route, values);
                    break;
                }
                methods.Add(route.Method);
            }
        // Without a key nobody learns which addresses there are.
        if (call.Route is not { IsPublic: true })
            call.Caller = WhoAsks(request);
        if (call.Route is null && methods.Count == 0)
            throw new ApiError(404, $"there is no {Quoted.Name(path)}", code: "unknown_url");
        if (call.Route is null)
        {
            call.Http.Response.Headers.Allow = string.Join(", ", methods.Distinct());
            throw new ApiError(405, $"{Quoted.Name(request.Method)} is not allowed here; expected "
                + string.Join(" or ", methods.Distinct()), code: "method_not_allowed");
        }
        if (call.Route.Right is { } right && !call.Route.IsPublic)
            call.Caller.Require(right);
        if (call.Route is { IsCounted: true, IsPublic: false })
            budgets.Admit(call.Caller);
    }

    // A page of another site, open in the user's browser, must not reach a server on the same machine.
    void RequireOwnPage(HttpRequest request)
    {
        string origin = request.Headers.Origin.ToString();
        if (origin.Length > 0 && (!Uri.TryCreate(origin, UriKind.Absolute, out Uri? from)
            || !from.Authority.Equals(request.Host.Value, StringComparison.OrdinalIgnoreCase)))
            throw new ApiError(403, $"requests of pages from {Quoted.Name(origin)} are not answered",
                code: "foreign_origin");
        string host = request.Host.Host.Trim('[', ']');
        if (keys is null && host.Length > 0 && !IPAddress.TryParse(host, out _)
            && !host.Equals("localhost", StringComparison.OrdinalIgnoreCase))
            throw new ApiError(403, $"the host is {Quoted.Name(host)}; a server without keys answers to its "
                + "address and to localhost", code: "foreign_host");
    }

    Caller WhoAsks(HttpRequest request)
    {
        if (keys is null)
            return Caller.Anonymous;
        StringValues header = request.Headers.Authorization;
        if (header is [{ } one] && one.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase)
            && keys.Find(one["Bearer ".Length..].Trim()) is { } caller)
            return caller;
        throw new ApiError(401, header.Count == 0
            ? "no key; send the header \"Authorization: Bearer KEY\"" : "the key is not valid",
            type: ApiError.InvalidRequest, code: "invalid_api_key");
    }

    long Hold(long bytes)
    {
        if (bytes > options.MaxBodyBytes)
            throw TooLong(options.MaxBodyBytes);
        if (Interlocked.Add(ref _bodies, bytes) <= Math.Max(MostBodies, options.MaxBodyBytes))
            return bytes;
        Interlocked.Add(ref _bodies, -bytes);
        throw new ApiError(503, "the server holds too many long requests", code: "overloaded",
            retryAfter: TimeSpan.FromSeconds(1));
    }

    async Task<JsonDocument> ReadBody(Call call)
    {
        HttpRequest request = call.Http.Request;
        RequireJson(request.ContentType);
        if (call.Http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size)
            size.MaxRequestBodySize = options.MaxBodyBytes + FramingBytes;
        using var stream = new MemoryStream((int)Math.Min(request.ContentLength ?? 4096, 1 << 20));
        byte[] buffer = new byte[1 << 14];
        for (int read; (read = await request.Body.ReadAsync(buffer, call.Aborted)) > 0;)
        {
            if (stream.Length + read > options.MaxBodyBytes)
                throw TooLong(options.MaxBodyBytes);
            stream.Write(buffer, 0, read);
        }
        call.BodyBytes = stream.GetBuffer().AsMemory(0, (int)stream.Length);
        JsonDocument document = JsonBody.Parse(call.BodyBytes, options.MaxJsonDepth);
        call.Body = document.RootElement;
        return document;
    }

    static ApiError TooLong(long most) => new(413,
        $"the body is longer than {most.ToString(CultureInfo.InvariantCulture)} bytes",
        code: "body_too_large");

    static void RequireJson(string? type)
    {
        string media = (type ?? "").Split(';')[0].Trim();
        bool utf8 = type is null || !type.Contains("charset", StringComparison.OrdinalIgnoreCase)
            || type.Contains("utf-8", StringComparison.OrdinalIgnoreCase);
        if (!media.Equals("application/json", StringComparison.OrdinalIgnoreCase) || !utf8)
            throw new ApiError(415, type is null ? "there is no Content-Type; expected application/json"
                : $"the Content-Type is {Quoted.Name(type)}; expected application/json",
                code: "unsupported_media_type");
    }

    async Task TryWriteError(Call call, ApiError error, long began)
    {
        // What is left of the body is not read, so nothing more can come on this connection.
        if (error.Status is 408 or 413)
            call.Http.Response.Headers.Connection = "close";
        try
        {
            await _writer.WriteError(call, error, () => AddHeaders(call, began));
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
            call.Http.Abort();
        }
    }

    void AddHeaders(Call call, long began)
    {
        IHeaderDictionary headers = call.Http.Response.Headers;
        headers["x-request-id"] = call.Id;
        headers["openai-processing-ms"] = ((long)Stopwatch.GetElapsedTime(began).TotalMilliseconds)
            .ToString(CultureInfo.InvariantCulture);
        headers["x-content-type-options"] = "nosniff";
        if (call.Route is { IsPublic: false })
            foreach ((string name, string value) in budgets.Headers(call.Caller))
                headers[name] = value;
    }

    void Finish(Call call, long began, bool gone)
    {
        TimeSpan took = Stopwatch.GetElapsedTime(began);
        // The pattern and never the path: a path has ids, and anyone can make up new ones.
        string handler = call.Route?.Pattern ?? "none";
        string method = call.Route?.Method ?? "none";
        int status = gone ? 499 : call.Http.Response.StatusCode;
        meters.HttpRequests.Add(1, new("handler", handler), new("method", method),
            new("status", $"{status / 100}xx"));
        meters.HttpDuration.Record(took.TotalSeconds, new("handler", handler), new("method", method));
        if (keys is not null && call.Caller != Caller.Anonymous)
            meters.KeyRequests.Add(1, new KeyValuePair<string, object?>("key", HashOf(call.Caller.Name)));
        audit.Write(call, status, took);
    }

    static string HashOf(string name)
        => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(name)))[..12];

    static string IdOf(HttpContext http)
    {
        string? given = http.Request.Headers["x-request-id"] is [{ } one] ? one : null;
        return given is { Length: > 0 and <= LongestId }
            && given.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.')
            ? given : RandomId.Of("req-");
    }
}
