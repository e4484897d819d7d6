using System.Text.Json.Nodes;

namespace HeadTap.Serve;

/// <summary>An error that the client is told as a status and an error object.</summary>
#pragma warning disable CA1710 // OpenAI's word: the error object that a client gets
public sealed class ApiError : Exception
#pragma warning restore CA1710
{
    /// <summary>The type of errors in the request.</summary>
    public const string InvalidRequest = "invalid_request_error";

    /// <summary>An error.</summary>
    /// <param name="status">HTTP status, 400 to 599.</param>
    /// <param name="message">One line: what was found, what was expected.</param>
    /// <param name="type">Kind of error; null for the usual one of the status.</param>
    /// <param name="param">The part of the request that is wrong, such as <c>prompt</c>.</param>
    /// <param name="code">A word for programs, such as <c>model_not_found</c>.</param>
    /// <param name="retryAfter">When the request may be repeated; null if that is not known.</param>
    /// <param name="shouldRetry">False if a repetition is hopeless: clients are told not to try.</param>
    /// <param name="inner">What caused it, for the server's log only.</param>
    public ApiError(int status, string message, string? type = null, string? param = null,
        string? code = null, TimeSpan? retryAfter = null, bool shouldRetry = true, Exception? inner = null)
        : base(message, inner)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(status, 400);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(status, 599);
        (Status, Type, Param, Code) = (status, type ?? UsualType(status), param, code);
        (RetryAfter, ShouldRetry) = (retryAfter, shouldRetry);
    }

    /// <summary>HTTP status.</summary>
    public int Status { get; }

    /// <summary>Kind of error, such as <see cref="InvalidRequest"/>.</summary>
    public string Type { get; }

    /// <summary>The part of the request that is wrong; null if none.</summary>
    public string? Param { get; }

    /// <summary>A word for programs; null if none.</summary>
    public string? Code { get; }

    /// <summary>When the request may be repeated; null if that is not known.</summary>
    public TimeSpan? RetryAfter { get; }

    /// <summary>Whether a client that retries by itself should: false sends
    /// <c>x-should-retry: false</c>.</summary>
    public bool ShouldRetry { get; }

    /// <summary>A 400: the request is wrong.</summary>
    public static ApiError BadRequest(string message, string? param = null, string? code = null)
        => new(400, message, InvalidRequest, param, code);

    /// <summary>A 404 for a model that is not served.</summary>
    /// <param name="name">The model's name in the request.</param>
    public static ApiError NoSuchModel(string name) => new(404,
        $"the model {Runtime.Quoted.Name(name)} does not exist; GET /v1/models lists those that do",
        param: "model", code: "model_not_found");

    /// <summary>A 403: the key does not have a right.</summary>
    public static ApiError Forbidden(Right right) => new(403,
        $"this key does not have the right \"{right.ToString().ToLowerInvariant()}\"",
        code: "insufficient_permissions");

    /// <summary>A 429: too much at once.</summary>
    /// <param name="message">What is full and what its limit is.</param>
    /// <param name="retryAfter">When there may be room.</param>
    public static ApiError TooMany(string message, TimeSpan retryAfter)
        => new(429, message, code: "rate_limit_exceeded", retryAfter: retryAfter);

    /// <summary>The body: <c>{"error":{"message","type","param","code"}}</c>.</summary>
    public JsonObject ToJson() => new()
    {
        ["error"] = new JsonObject
        {
            ["message"] = Message,
            ["type"] = Type,
            ["param"] = Param,
            ["code"] = Code,
        },
    };

    static string UsualType(int status) => status switch
    {
        401 => "authentication_error",
        403 => "permission_error",
        429 => "rate_limit_error",
        503 => "unavailable_error",
        >= 500 => "server_error",
        _ => InvalidRequest,
    };
}
