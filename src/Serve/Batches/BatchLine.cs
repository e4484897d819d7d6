using System.Text.Json;
using System.Text.Json.Nodes;
using HeadTap.Runtime;

namespace HeadTap.Serve;

/// <summary>One line of a batch's input: a request with its user's name for it.</summary>
/// <param name="Number">Its number from 1.</param>
/// <param name="CustomId">The user's name; null if the line is too damaged to have one.</param>
/// <param name="Body">The request; null if <paramref name="Wrong"/> is not.</param>
/// <param name="Wrong">What is wrong with the line; null if nothing.</param>
sealed record BatchLine(int Number, string? CustomId, JsonDocument? Body, string? Wrong) : IDisposable
{
    /// <summary>Reads a line <c>{"custom_id","method","url","body"}</c>.</summary>
    /// <param name="number">Its number from 1.</param>
    /// <param name="bytes">The line without its end.</param>
    /// <param name="endpoint">The url that every line of the batch must have.</param>
    /// <param name="maxDepth">Deepest nesting.</param>
    internal static BatchLine Read(int number, ReadOnlyMemory<byte> bytes, string endpoint, int maxDepth)
    {
        string? id = null;
        try
        {
            using JsonDocument line = JsonBody.Parse(bytes, maxDepth + 1);
            var fields = new JsonFieldsOfBody(line.RootElement);
            id = fields.Required("custom_id");
            if (fields.Text("method") is { } method && method != "POST")
                throw ApiError.BadRequest($"\"method\" is {Quoted.Name(method)}; expected POST");
            if (fields.Required("url") is var url && url != endpoint)
                throw ApiError.BadRequest(
                    $"\"url\" is {Quoted.Name(url)}; the batch is of {Quoted.Name(endpoint)}");
            JsonElement body = fields.Get("body") ?? throw ApiError.BadRequest("\"body\" is missing");
            fields.RequireNoOther();
            if (body.ValueKind != JsonValueKind.Object)
                throw JsonFieldsOfBody.Wrong("body", body, "a JSON object");
            return new BatchLine(number, id, JsonDocument.Parse(body.GetRawText(),
                new JsonDocumentOptions { MaxDepth = maxDepth + 1 }), null);
        }
        catch (ApiError e)
        {
            return new BatchLine(number, id, null, e.Message);
        }
    }

    /// <summary>The line of the error file for a line that is wrong.</summary>
    internal JsonObject Refusal(string reason) => new()
    {
        ["id"] = RandomId.Of("batch_req_"),
        ["custom_id"] = CustomId,
        ["response"] = null,
        ["error"] = new JsonObject { ["code"] = "invalid_line", ["message"] = $"line {Number}: {reason}" },
        ["line"] = Number,
    };

    public void Dispose() => Body?.Dispose();
}
