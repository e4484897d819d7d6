using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;

namespace HeadTap.Serve;

/// <summary>JSON as the server writes it: UTF-8 with letters of all languages as they are.</summary>
static class JsonText
{
    /// <summary>On one line.</summary>
    internal static JsonSerializerOptions Compact { get; } = Options(false);

    /// <summary>For files that people read.</summary>
    internal static JsonSerializerOptions Indented { get; } = Options(true);

    /// <summary>The bytes of a value.</summary>
    internal static byte[] Bytes(JsonNode node)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream,
            new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
            node.WriteTo(writer, Compact);
        return stream.ToArray();
    }

    // Numbers and texts that are put into a JsonNode need a resolver of their types.
    static JsonSerializerOptions Options(bool indented) => new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        WriteIndented = indented,
        TypeInfoResolver = new DefaultJsonTypeInfoResolver(),
    };
}
