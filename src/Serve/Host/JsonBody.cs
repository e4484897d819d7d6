using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using HeadTap.Runtime;

namespace HeadTap.Serve;

/// <summary>
/// Checks the JSON of a request before anyone reads a value: UTF-8, one object, its depth, no key twice, no
/// half of a surrogate pair, no number beyond float64.
/// </summary>
static class JsonBody
{
    /// <summary>Reads a body.</summary>
    /// <exception cref="ApiError">400: it is not what is expected; the line says where.</exception>
    internal static JsonDocument Parse(ReadOnlyMemory<byte> bytes, int maxDepth)
    {
        if (bytes.IsEmpty)
            throw ApiError.BadRequest("the body is empty; expected a JSON object");
        if (!Utf8.IsValid(bytes.Span))
            throw ApiError.BadRequest("the body is not valid UTF-8", code: "invalid_utf8");
        JsonDocument document;
        try
        {
            Check(bytes.Span, maxDepth);
            document = JsonDocument.Parse(bytes, new JsonDocumentOptions
            {
                MaxDepth = maxDepth, AllowDuplicateProperties = false,
            });
        }
        catch (JsonException e)
        {
            throw ApiError.BadRequest($"the body is not valid JSON ({Quoted.Line(e.Message)})",
                code: "invalid_json");
        }
        if (document.RootElement.ValueKind == JsonValueKind.Object)
            return document;
        using (document)
            throw ApiError.BadRequest($"the body is {Quoted.Json(document.RootElement)}; expected a JSON "
                + "object", code: "invalid_json");
    }

    // The reader takes escapes and numbers as they are; they fail only when their value is asked for.
    static void Check(ReadOnlySpan<byte> bytes, int maxDepth)
    {
        var reader = new Utf8JsonReader(bytes, new JsonReaderOptions { MaxDepth = maxDepth });
        byte[] text = [];
        while (reader.Read())
            if (reader.TokenType is JsonTokenType.String or JsonTokenType.PropertyName
                && reader.ValueIsEscaped)
            {
                if (text.Length < reader.ValueSpan.Length)
                    text = new byte[reader.ValueSpan.Length];
                try
                {
                    reader.CopyString(text);
                }
                catch (InvalidOperationException)
                {
                    throw ApiError.BadRequest("a text at byte "
                        + $"{reader.TokenStartIndex.ToString(CultureInfo.InvariantCulture)} has half of a "
                        + "surrogate pair; expected whole characters", code: "invalid_json");
                }
            }
            else if (reader.TokenType == JsonTokenType.Number
                && !(reader.TryGetDouble(out double number) && double.IsFinite(number)))
                throw ApiError.BadRequest($"the number {Quoted.Name(Encoding.ASCII.GetString(
                    reader.ValueSpan))} is beyond the range of float64", code: "invalid_json");
    }
}
