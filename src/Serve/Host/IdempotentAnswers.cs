using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text.Json.Nodes;

namespace HeadTap.Serve;

/// <summary>
/// First answers to requests that have the header <c>Idempotency-Key</c>. The same key of the same caller
/// with the same body is given the first answer again, and nothing is made twice. Each answer is stored with
/// what the request made, so that it is known after a restart. Safe for any thread.
/// </summary>
sealed class IdempotentAnswers
{
    /// <summary>The field that holds the key in the state of a batch or a job.</summary>
    internal const string Field = "idempotency";

    const string Header = "Idempotency-Key";
    const int MostLetters = 255;

    readonly ConcurrentDictionary<(string Owner, string Key), Entry> _entries = new();

    /// <summary>Takes the key of something that an earlier run of the server made.</summary>
    /// <param name="owner">Name of its caller.</param>
    /// <param name="stored">Its field <see cref="Field"/>; null if it came without a key.</param>
    internal void Load(string owner, JsonNode? stored)
    {
        if (stored is not null)
            _entries[(owner, (string)stored["key"]!)] =
                new Entry((string)stored["sha256"]!, stored["answer"]!.AsObject());
    }

    /// <summary>Frees the key of something that is removed.</summary>
    internal void Forget(string owner, JsonNode? stored)
    {
        if (stored is not null)
            _entries.TryRemove((owner, (string)stored["key"]!), out _);
    }

    /// <summary>The first answer to a request, or the one that is made now.</summary>
    /// <param name="call">The request.</param>
    /// <param name="make">Makes and stores what was asked for, with the key, and says the answer. It gets
    /// null if the request has no key.</param>
    /// <exception cref="ApiError">400: the key is malformed. 409: it came before with another body, or the
    /// first request with it is not answered yet.</exception>
    internal JsonObject Answer(Call call, Func<IdempotencyKey?, JsonObject> make)
    {
        if (KeyOf(call) is not { } key)
            return make(null);
        var place = (call.Caller.Name, key.Text);
        var mine = new Entry(key.Sha256, null);
        Entry entry = _entries.GetOrAdd(place, mine);
        if (!ReferenceEquals(entry, mine))
            return Again(entry, key);
        try
        {
            JsonObject answer = make(key);
            _entries[place] = new Entry(key.Sha256, answer.DeepClone().AsObject());
            return answer;
        }
        catch
        {
            _entries.TryRemove(place, out _);
            throw;
        }
    }

    static JsonObject Again(Entry entry, IdempotencyKey key)
    {
        if (entry.Sha256 != key.Sha256)
            throw new ApiError(409, $"the {Header} {Runtime.Quoted.Name(key.Text)} came before with another "
                + "body; take a new key for a new request", code: "idempotency_conflict", shouldRetry: false);
        return entry.Answer?.DeepClone().AsObject() ?? throw new ApiError(409,
            $"the first request with the {Header} {Runtime.Quoted.Name(key.Text)} is not answered yet",
            code: "idempotency_in_progress", retryAfter: TimeSpan.FromSeconds(1));
    }

    static IdempotencyKey? KeyOf(Call call)
    {
        if (!call.Http.Request.Headers.TryGetValue(Header, out var given))
            return null;
        string text = given is [{ } one] ? one
            : throw ApiError.BadRequest($"the header {Header} is there more than once", Header);
        if (text.Length is 0 or > MostLetters || text.Any(c => c is < ' ' or > '~'))
            throw ApiError.BadRequest(
                $"the header {Header} is malformed; expected 1 to {MostLetters} letters of ASCII", Header);
        return new IdempotencyKey(text, Convert.ToHexStringLower(SHA256.HashData(call.BodyBytes.Span)));
    }

    sealed record Entry(string Sha256, JsonObject? Answer);
}

/// <summary>The key of a request that may be sent again.</summary>
/// <param name="Text">The key.</param>
/// <param name="Sha256">SHA-256 of the request's body, in small hexadecimal letters.</param>
sealed record IdempotencyKey(string Text, string Sha256)
{
    /// <summary>What is stored with the thing that the request made.</summary>
    /// <param name="answer">The answer to the request.</param>
    internal JsonObject ToState(JsonObject answer) => new()
    {
        ["key"] = Text,
        ["sha256"] = Sha256,
        ["answer"] = answer.DeepClone(),
    };
}
