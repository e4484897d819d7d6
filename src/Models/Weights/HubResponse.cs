using System.Net;
using System.Net.Http.Headers;

namespace HeadTap.Models;

/// <summary>
/// A server's answer after its redirects. The hub names a file's content in the redirect
/// (<c>X-Linked-ETag</c>: SHA-256, <c>X-Linked-Size</c>), or for small files in the answer (<c>ETag</c>:
/// git's SHA-1); the storage it redirects to knows neither.
/// </summary>
sealed class HubResponse : IDisposable
{
    const int MostRedirects = 10;

    readonly HttpResponseMessage _message;
    string? _linkedTag;
    long? _linkedSize;

    HubResponse(HttpResponseMessage message) => _message = message;

    internal HttpStatusCode Status => _message.StatusCode;

    internal HttpContent Content => _message.Content;

    /// <summary>SHA-256 (64 digits) or git's SHA-1 (40 digits) of the whole file; null if the server did not
    /// say.</summary>
    internal string? Checksum { get; private set; }

    /// <summary>The whole file's length; null if the server did not say.</summary>
    internal long? Total { get; private set; }

    /// <summary>Asks for a file from byte <paramref name="from"/> on.</summary>
    /// <exception cref="HttpRequestException">The server was not reached, or its redirects make no
    /// sense.</exception>
    internal static async Task<HubResponse> GetAsync(
        HttpClient http, Uri address, long from, CancellationToken cancel)
    {
        string? tag = null;
        long? size = null;
        for (int redirects = 0; redirects <= MostRedirects; redirects++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, address);
            // a compressed answer has other bytes and no ranges
            request.Headers.AcceptEncoding.ParseAdd("identity");
            if (from > 0)
                request.Headers.Range = new RangeHeaderValue(from, null);
            HttpResponseMessage message =
                await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancel)
                    .ConfigureAwait(false);
            tag ??= Header(message, "X-Linked-ETag");
            size ??= long.TryParse(Header(message, "X-Linked-Size"), out long linked) && linked >= 0
                ? linked : null;
            if (!IsRedirect(message.StatusCode) || message.Headers.Location is not { } location)
                return new HubResponse(message) { _linkedTag = tag, _linkedSize = size }.Described();
            message.Dispose();
            var next = new Uri(address, location);
            if (next.Scheme != "https" && next.Scheme != address.Scheme)
                throw new HttpRequestException($"redirected from {address.Scheme} to {next.Scheme}");
            address = next;
        }
        throw new HttpRequestException($"more than {MostRedirects} redirects");
    }

    /// <inheritdoc/>
    public void Dispose() => _message.Dispose();

    HubResponse Described()
    {
        string? tag = (_linkedTag ?? Header(_message, "ETag"))?.Trim();
        if (tag?.StartsWith("W/", StringComparison.Ordinal) == true)
            tag = tag[2..];
        tag = tag?.Trim('"');
        Checksum = tag is { Length: 40 or 64 } && tag.All(char.IsAsciiHexDigit)
            ? tag.ToLowerInvariant()
            : null;
        Total = _linkedSize ?? Content.Headers.ContentRange?.Length
            ?? (Status == HttpStatusCode.OK ? Content.Headers.ContentLength : null);
        return this;
    }

    static string? Header(HttpResponseMessage message, string name) =>
        message.Headers.TryGetValues(name, out IEnumerable<string>? values) ? values.First() : null;

    static bool IsRedirect(HttpStatusCode status) => (int)status is 301 or 302 or 303 or 307 or 308;
}
