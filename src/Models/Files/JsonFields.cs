using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Nodes;
using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>Fields of a JSON object from a user's file; a wrong one is named with its file.</summary>
/// <param name="Path">The file, for messages.</param>
/// <param name="Json">The object. A null field counts as absent.</param>
readonly record struct JsonFields(string Path, JsonElement Json)
{
    internal UserException Bad(string field, string found, string expected) =>
        new($"{Quoted.Path(Path)}: {field} is {found}; expected {expected}.");

    internal bool Has(string field) => TryGet(field, out _);

    internal int Int(string field) =>
        Has(field) ? Int(field, 0) : throw Bad(field, "missing", "a whole number");

    internal int Int(string field, int absent) =>
        !TryGet(field, out JsonElement value) ? absent
        : value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number) ? number
        : throw Bad(field, Quoted.Json(value), "a whole number");

    /// <summary>Refuses fields that nothing reads: a misspelt option must not be passed over.</summary>
    /// <exception cref="UserException">A field is not one of <paramref name="known"/>.</exception>
    internal void Only(params ReadOnlySpan<string> known)
    {
        foreach (JsonProperty property in Json.EnumerateObject())
            if (!known.Contains(property.Name))
                throw new UserException($"{Quoted.Path(Path)}: unknown field {Quoted.Name(property.Name)}; "
                    + $"expected {string.Join(", ", known)}.");
    }

    /// <summary>The fields of an object in a field; null if absent.</summary>
    internal JsonFields? Nested(string field) =>
        !TryGet(field, out JsonElement value) ? null
        : value.ValueKind == JsonValueKind.Object ? new JsonFields($"{Path}: {field}", value)
        : throw Bad(field, Quoted.Json(value), "an object");

    /// <summary>A list of texts; null if absent.</summary>
    internal string[]? Texts(string field)
    {
        if (!TryGet(field, out JsonElement value))
            return null;
        if (value.ValueKind != JsonValueKind.Array)
            throw Bad(field, Quoted.Json(value), "a list of texts");
        var texts = new List<string>();
        foreach (JsonElement item in value.EnumerateArray())
            texts.Add(item.ValueKind == JsonValueKind.String
                ? item.GetString()!
                : throw Bad(field, Quoted.Json(value), "a list of texts"));
        return [.. texts];
    }

    internal float Float(string field, float absent) =>
        !TryGet(field, out JsonElement value) ? absent
        : value.ValueKind == JsonValueKind.Number && value.TryGetSingle(out float number)
            && float.IsFinite(number) ? number
        : throw Bad(field, Quoted.Json(value), Number(value));

    /// <summary>What is expected in place of a value that is no number, or one beyond float32.</summary>
    internal static string Number(JsonElement found) => found.ValueKind == JsonValueKind.Number
        ? "a number that float32 holds, at most 3.4e38" : "a number";

    internal bool Flag(string field, bool absent) =>
        !TryGet(field, out JsonElement value) ? absent
        : value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean()
        : throw Bad(field, Quoted.Json(value), "true or false");

    [return: NotNullIfNotNull(nameof(absent))]
    internal string? Text(string field, string? absent) =>
        !TryGet(field, out JsonElement value) ? absent
        : value.ValueKind == JsonValueKind.String ? value.GetString()!
        : throw Bad(field, Quoted.Json(value), "text");

    internal ulong? UInt64(string field) =>
        !TryGet(field, out JsonElement value) ? null
        : value.ValueKind == JsonValueKind.Number && value.TryGetUInt64(out ulong number) ? number
        : throw Bad(field, Quoted.Json(value), "a whole number from 0");

    internal DateTimeOffset? Time(string field) =>
        !TryGet(field, out JsonElement value) ? null
        : value.ValueKind == JsonValueKind.String && value.TryGetDateTimeOffset(out DateTimeOffset time)
            ? time
        : throw Bad(field, Quoted.Json(value), "a time like 2026-01-31T12:00:00Z");

    /// <summary>A copy that outlives the document.</summary>
    internal JsonObject Object(string field) =>
        !TryGet(field, out JsonElement value) ? []
        : value.ValueKind == JsonValueKind.Object ? JsonNode.Parse(value.GetRawText())!.AsObject()
        : throw Bad(field, Quoted.Json(value), "an object");

    /// <summary>A token id; null if absent or outside the vocabulary. Of a list, the first.</summary>
    internal int? Token(string field, int vocabSize)
    {
        if (!TryGet(field, out JsonElement value))
            return null;
        if (value.ValueKind == JsonValueKind.Array && value.GetArrayLength() > 0)
            value = value[0];
        if (value.ValueKind != JsonValueKind.Number || !value.TryGetInt32(out int token))
            throw Bad(field, Quoted.Json(value), "a token id");
        return token >= 0 && token < vocabSize ? token : null;
    }

    bool TryGet(string field, out JsonElement value) =>
        Json.TryGetProperty(field, out value) && value.ValueKind != JsonValueKind.Null;
}
