using System.Text.Json.Nodes;

namespace HeadTap.Serve;

/// <summary>What an endpoint answers; the host writes it.</summary>
public abstract record Reply;

/// <summary>A JSON body.</summary>
/// <param name="Status">HTTP status, 200 for success.</param>
/// <param name="Body">The body.</param>
/// <param name="Headers">More headers, by name and value.</param>
public sealed record JsonReply(
    int Status, JsonNode Body, IReadOnlyList<(string Name, string Value)>? Headers = null) : Reply;

/// <summary>Bytes such as a safetensors file.</summary>
/// <param name="Status">HTTP status, 200 for success.</param>
/// <param name="ContentType">Type of the content, <c>application/octet-stream</c>.</param>
/// <param name="Write">Writes the bytes; the token is cancelled when the client goes away.</param>
/// <param name="Headers">More headers, by name and value; <c>Content-Length</c> if it is known.</param>
public sealed record BytesReply(
    int Status, string ContentType, Func<Stream, CancellationToken, Task> Write,
    IReadOnlyList<(string Name, string Value)>? Headers = null) : Reply;

/// <summary>
/// Server-sent events. The host awaits the first one before it sends the status, so an <see cref="ApiError"/>
/// before it is an error reply of its own status, unless the host had to say before that it is alive. A later
/// one becomes the frame
/// <c>data: {"error":{…}}</c>. The host ends the stream with <c>data: [DONE]</c> unless it failed.
/// </summary>
/// <param name="Events">The JSON text of each event, on one line. The enumerator's token is cancelled when
/// the client goes away.</param>
/// <param name="Headers">More headers, by name and value.</param>
public sealed record EventsReply(
    IAsyncEnumerable<string> Events, IReadOnlyList<(string Name, string Value)>? Headers = null) : Reply
{
    /// <summary>Says in one line what goes on while no event comes; called from any thread.</summary>
    public Func<string> State { get; init; } = () => "alive";
}
