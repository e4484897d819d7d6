using System.Text.Json;
using HeadTap.Runtime;

namespace HeadTap.Serve;

/// <summary>
/// Reads the fields of a request's object, each once, and then refuses those that nobody asked for.
/// </summary>
sealed class JsonFieldsOfBody(JsonElement body)
{
    readonly HashSet<string> _known = new(StringComparer.Ordinal);

    /// <summary>A text; null if it is absent or null.</summary>
    /// <exception cref="ApiError">400: it is no text.</exception>
    internal string? Text(string name) => Get(name) is not { } value ? null
        : value.ValueKind == JsonValueKind.String ? value.GetString()! : throw Wrong(name, value, "a text");

    /// <summary>A text that must be there.</summary>
    /// <exception cref="ApiError">400: it is missing or no text.</exception>
    internal string Required(string name) => Text(name)
        ?? throw ApiError.BadRequest($"\"{name}\" is missing; expected a text", name);

    /// <summary>True or false.</summary>
    /// <exception cref="ApiError">400: it is neither.</exception>
    internal bool Flag(string name, bool absent) => Get(name) is not { } value ? absent
        : value.ValueKind switch
        {
            JsonValueKind.True => true,
            JsonValueKind.False => false,
            _ => throw Wrong(name, value, "true or false"),
        };

    /// <summary>Any value; null if it is absent or null.</summary>
    internal JsonElement? Get(string name)
    {
        _known.Add(name);
        return body.TryGetProperty(name, out JsonElement value) && value.ValueKind != JsonValueKind.Null
            ? value : null;
    }

    /// <summary>Refuses fields that were not read.</summary>
    /// <exception cref="ApiError">400: there is one.</exception>
    internal void RequireNoOther()
    {
        foreach (JsonProperty field in body.EnumerateObject())
            if (!_known.Contains(field.Name))
                throw ApiError.BadRequest($"the field {Quoted.Name(field.Name)} is not known"
                    + NearestName.Hint(field.Name, _known), field.Name, "unknown_field");
    }

    internal static ApiError Wrong(string name, JsonElement value, string expected)
        => ApiError.BadRequest($"\"{name}\" is {Quoted.Json(value)}; expected {expected}", name);
}
