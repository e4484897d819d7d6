using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using HeadTap.Runtime;

namespace HeadTap.Serve;

/// <summary>
/// One JSON line for each request: when, who, what, how it ended. No prompts, unless the options ask for
/// bodies; never a key. Safe for any thread.
/// </summary>
sealed class AuditLog : IDisposable
{
    readonly FileStream? _file;
    readonly bool _bodies;
    readonly Action<string> _log;
    readonly Lock _lock = new();
    bool _failed;

    /// <exception cref="UserException">The file cannot be written.</exception>
    internal AuditLog(string? path, bool bodies, Action<string> log)
    {
        (_bodies, _log) = (bodies, log);
        try
        {
            if (path is not null)
                _file = new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.Read);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UserException($"{Quoted.Path(path!)}: cannot be written ({Quoted.Line(e.Message)})", e);
        }
    }

    internal void Write(Call call, int status, TimeSpan took)
    {
        if (_file is null)
            return;
        var line = new JsonObject
        {
            ["time"] = DateTime.UtcNow.ToString("yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture),
            ["request_id"] = call.Id,
            ["key"] = call.Route is { IsPublic: true } ? null : call.Caller.Name,
            ["remote"] = call.Http.Connection.RemoteIpAddress?.ToString(),
            ["method"] = call.Route?.Method,
            ["route"] = call.Route?.Pattern,
            ["ids"] = call.Values.Count == 0 ? null
                : new JsonArray([.. call.Values.Values.Select(v => (JsonNode)v)]),
            ["status"] = status,
            ["ms"] = Math.Round(took.TotalMilliseconds, 1),
            ["tokens"] = call.Tokens,
        };
        if (_bodies && !call.BodyBytes.IsEmpty)
            line["body"] = Encoding.UTF8.GetString(call.BodyBytes.Span);
        byte[] bytes = [.. JsonText.Bytes(line), (byte)'\n'];
        lock (_lock)
            try
            {
                _file.Write(bytes);
                _file.Flush();
                _failed = false;
            }
            catch (Exception e) when (e is IOException or ObjectDisposedException)
            {
                if (!_failed)
                    _log($"audit: cannot be written ({Quoted.Line(e.Message)})");
                _failed = true;
            }
    }

    public void Dispose()
    {
        lock (_lock)
            _file?.Dispose();
    }
}
