using System.Text.Json;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>The fields of a request's JSON object. A null field counts as absent.</summary>
/// <param name="Json">The object.</param>
/// <param name="Path">Where the object stands in the request, with a dot behind it; empty for the request
/// itself.</param>
public readonly record struct RequestFields(JsonElement Json, string Path = "")
{
    /// <summary>An object in place of any JSON.</summary>
    /// <exception cref="BadRequestException">It is no object.</exception>
    public static RequestFields Of(JsonElement json, string path)
        => json.ValueKind == JsonValueKind.Object ? new RequestFields(json, path.Length == 0 ? "" : path
            + ".")
            : throw new BadRequestException($"{(path.Length == 0 ? "the request" : path)} is "
                + $"{Short(json)}; expected an object", path);

    /// <summary>Refuses fields that nothing reads.</summary>
    /// <exception cref="BadRequestException">One is not known.</exception>
    public void Only(params ReadOnlySpan<string> known)
    {
        foreach (JsonProperty property in Json.EnumerateObject())
            if (!known.Contains(property.Name))
                throw new BadRequestException($"unknown field {Quoted.Name(Path + property.Name)}; expected "
                    + string.Join(", ", known), Path + Quoted.Line(property.Name), "unknown_field");
    }

    /// <summary>Whether a field is there and not null.</summary>
    public bool Has(string field) => TryGet(field, out _);

    /// <summary>A field; false if absent.</summary>
    public bool TryGet(string field, out JsonElement value)
        => Json.TryGetProperty(field, out value) && value.ValueKind != JsonValueKind.Null;

    /// <summary>A whole number within a range.</summary>
    /// <exception cref="BadRequestException">It is another value.</exception>
    public int Int(string field, int absent, int least, int most)
        => !TryGet(field, out JsonElement value) ? absent
            : value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int n) && n >= least
                && n <= most
            ? n : throw Bad(field, most == int.MaxValue ? $"a whole number from {least}"
                : $"a whole number from {least} to {most}");

    /// <summary>A number within a range.</summary>
    /// <exception cref="BadRequestException">It is another value.</exception>
    public float Float(string field, float absent, float least, float most)
        => !TryGet(field, out JsonElement value) ? absent
            : value.ValueKind == JsonValueKind.Number && value.TryGetSingle(out float x) && x >= least
                && x <= most ? x : throw Bad(field, FormattableString.Invariant(
                    $"a number from {least} to {most}"));

    /// <summary>True or false.</summary>
    /// <exception cref="BadRequestException">It is another value.</exception>
    public bool Flag(string field, bool absent)
        => !TryGet(field, out JsonElement value) ? absent
            : value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean()
            : throw Bad(field, "true or false");

    /// <summary>A text; null if absent.</summary>
    /// <exception cref="BadRequestException">It is another value.</exception>
    public string? Text(string field)
        => !TryGet(field, out JsonElement value) ? null
            : value.ValueKind == JsonValueKind.String ? StringOf(value, Path + field)
            : throw Bad(field, "a text");

    /// <summary>The objects of a list; empty if absent.</summary>
    /// <exception cref="BadRequestException">It is another value, or an item is no object.</exception>
    public IReadOnlyList<RequestFields> Objects(string field)
    {
        if (!TryGet(field, out JsonElement value))
            return [];
        if (value.ValueKind != JsonValueKind.Array)
            throw Bad(field, "a list of objects");
        string path = Path + field;
        return [.. value.EnumerateArray().Select((item, i) => Of(item, $"{path}[{i}]"))];
    }

    /// <summary>An object; null if absent.</summary>
    /// <exception cref="BadRequestException">It is another value.</exception>
    public RequestFields? Object(string field)
        => TryGet(field, out JsonElement value) ? Of(value, Path + field) : null;

    /// <summary>Whole numbers; null if absent.</summary>
    /// <exception cref="BadRequestException">It is another value.</exception>
    public int[]? Ints(string field) => TryGet(field, out JsonElement value) ? Ints(value, field) : null;

    /// <summary>Texts; null if absent. A single text is a list of one.</summary>
    /// <exception cref="BadRequestException">It is another value.</exception>
    public string[]? Texts(string field)
    {
        if (!TryGet(field, out JsonElement value))
            return null;
        string path = Path + field;
        RequestFields me = this;
        return value.ValueKind == JsonValueKind.String ? [StringOf(value, path)]
            : value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray().Select(item =>
                item.ValueKind == JsonValueKind.String ? StringOf(item, path)
                    : throw me.Bad(field, "a list of texts"))]
            : throw Bad(field, "a text or a list of texts");
    }

    /// <summary>Whole numbers in a JSON list.</summary>
    /// <exception cref="BadRequestException">It is another value.</exception>
    public int[] Ints(JsonElement value, string field)
    {
        if (value.ValueKind != JsonValueKind.Array)
            throw Bad(field, "a list of whole numbers");
        int[] numbers = new int[value.GetArrayLength()];
        int i = 0;
        foreach (JsonElement item in value.EnumerateArray())
            numbers[i++] = item.ValueKind == JsonValueKind.Number && item.TryGetInt32(out int n) ? n
                : throw Bad(field, "a list of whole numbers");
        return numbers;
    }

    /// <summary>A text of JSON. An escaped half of a pair is no character, and .NET refuses it.</summary>
    /// <exception cref="BadRequestException">It is no valid text.</exception>
    public static string StringOf(JsonElement value, string path)
    {
        try
        {
            return value.GetString()!;
        }
        catch (InvalidOperationException)
        {
            throw new BadRequestException($"{path} has half of a surrogate pair; expected valid text", path);
        }
    }

    /// <summary>The error of a field with another value than expected.</summary>
    public BadRequestException Bad(string field, string expected, string? code = null)
        => new($"{Path}{field} is {(TryGet(field, out JsonElement value) ? Short(value) : "missing")}; "
            + $"expected {expected}", Path + field, code);

    /// <summary>A value in a message: short, and not the content of a text.</summary>
    internal static string Short(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Array => $"a list of {value.GetArrayLength()}",
        JsonValueKind.Object => "an object",
        JsonValueKind.String => "a text",
        _ => Quoted.Line(value.GetRawText()),
    };
}
