using System.Text.Json;

namespace HeadTap.Serve;

/// <summary>A request to an endpoint, read and checked as far as every endpoint needs it.</summary>
/// <param name="Body">The JSON body, an object; undefined for a GET. It is valid until the endpoint's reply
/// is written.</param>
/// <param name="Caller">Who asks; has the endpoint's right.</param>
/// <param name="RequestId">Name of the request in replies and logs.</param>
/// <param name="Accept">The header <c>Accept</c>; empty if there is none.</param>
/// <param name="Aborted">Cancelled when the client goes away or the server is stopped for good.</param>
public sealed record EndpointRequest(
    JsonElement Body, Caller Caller, string RequestId, string Accept, CancellationToken Aborted)
{
    /// <summary>The query of the address, by name; the last value of a name counts.</summary>
    public IReadOnlyDictionary<string, string> Query { get; init; } = new Dictionary<string, string>();

    /// <summary>Tells the host how many tokens the request costs, for the key's limit of tokens.</summary>
    /// <remarks>May be called from any thread, several times; the numbers are added.</remarks>
    public Action<int> Charge { get; init; } = _ => { };
}

/// <summary>One address of the server that takes JSON.</summary>
/// <remarks>
/// The host has read and checked the body, the key and its right and limits. An endpoint throws
/// <see cref="ApiError"/> for errors with a status of their own; a
/// <see cref="Runtime.UserException"/> is a 400 with its line; anything else is a 500 whose details stay in
/// the server's log.
/// </remarks>
public interface IEndpoint
{
    /// <summary>Path of the address, such as <c>/v1/completions</c>.</summary>
    string Path { get; }

    /// <summary>The right that a key needs.</summary>
    Right Right { get; }

    /// <summary>Method of HTTP, POST or GET.</summary>
    string Method => "POST";

    /// <summary>Whether it answers without a key.</summary>
    bool IsPublic => false;

    /// <summary>Answers a request; called from many threads at once.</summary>
    /// <exception cref="ApiError">The request cannot be answered.</exception>
    /// <exception cref="Runtime.UserException">The request is wrong.</exception>
    /// <exception cref="OperationCanceledException">The client went away.</exception>
    Task<Reply> Answer(EndpointRequest request);
}
