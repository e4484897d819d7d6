using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace HeadTap.Serve;

/// <summary>One request on its way through the host.</summary>
sealed class Call(HttpContext http, string id, CancellationToken aborted)
{
    int _tokens;

    internal HttpContext Http => http;

    /// <summary>Name of the request.</summary>
    internal string Id => id;

    /// <summary>Cancelled when the client goes away or the server ends for good.</summary>
    internal CancellationToken Aborted => aborted;

    /// <summary>Who asks.</summary>
    internal Caller Caller { get; set; } = Caller.Anonymous;

    /// <summary>The route; null if none fits.</summary>
    internal Route? Route { get; set; }

    /// <summary>Values of the names in the route's pattern.</summary>
    internal IReadOnlyDictionary<string, string> Values { get; set; } = new Dictionary<string, string>();

    /// <summary>The JSON body; undefined if there is none.</summary>
    internal JsonElement Body { get; set; }

    /// <summary>Its bytes, for the audit log.</summary>
    internal ReadOnlyMemory<byte> BodyBytes { get; set; }

    /// <summary>Tokens that were charged.</summary>
    internal int Tokens => Volatile.Read(ref _tokens);

    internal void AddTokens(int tokens) => Interlocked.Add(ref _tokens, tokens);

    /// <summary>A text of the query; null if it is not there.</summary>
    internal string? Query(string name)
        => http.Request.Query.TryGetValue(name, out var values) ? values[^1] : null;

    /// <summary>A number of the query.</summary>
    /// <exception cref="ApiError">400: it is no whole number in the range.</exception>
    internal int Query(string name, int absent, int least, int most)
    {
        if (Query(name) is not { } text)
            return absent;
        return int.TryParse(text, out int value) && value >= least && value <= most ? value
            : throw ApiError.BadRequest($"\"{name}\" is {Runtime.Quoted.Name(text)}; expected {least} to "
                + $"{most}", name);
    }

    /// <summary>The request as an endpoint sees it.</summary>
    internal EndpointRequest ToRequest(Action<int> charge) => new(
        Body, Caller, id, http.Request.Headers.Accept.ToString(), aborted)
    {
        Query = http.Request.Query.ToDictionary(q => q.Key, q => q.Value[^1] ?? ""),
        Charge = charge,
    };
}
