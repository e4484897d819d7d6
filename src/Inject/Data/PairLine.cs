using System.Text.Encodings.Web;
using System.Text.Json;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Inject;

/// <summary>
/// Reads and writes a pair as one line of JSON:
/// <c>{"explicit":…,"obscure":…,"bridge":…,"answer":…,"memory":…,"obscure_entity":…,"split":…}</c>. The last
/// three fields are optional. Fields of other names are passed over with one remark.
/// </summary>
static class PairLine
{
    static readonly string[] s_fields =
        ["explicit", "obscure", "bridge", "answer", "memory", "obscure_entity", "split"];

    const int Required = 4;

    // Letters outside ASCII stay readable. This is safe: the file is UTF-8 and never part of a page.
    static readonly JsonWriterOptions s_options =
        new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    internal static IEnumerable<(PromptPair Pair, string Place)> Read(string path, Action<string>? remark)
    {
        var extra = new ExtraFields(path);
        string[] lines = TextDocuments.ReadText(path).Split('\n');
        for (int i = 0; i < lines.Length; i++)
            if (!string.IsNullOrWhiteSpace(lines[i]))
                yield return (Parse(lines[i], $"{Quoted.Path(path)} line {i + 1}", extra),
                    $"{Quoted.Path(path)} line {i + 1}");
        extra.Tell(remark);
    }

    internal static void Write(Stream stream, PromptPair pair)
    {
        using (var json = new Utf8JsonWriter(stream, s_options))
        {
            json.WriteStartObject();
            foreach ((string field, string text, string? absent) in ((string, string, string?)[])
                [("explicit", pair.Explicit, null), ("obscure", pair.Obscure, null),
                ("bridge", pair.Bridge, null), ("answer", pair.Answer, null),
                ("memory", pair.Memory, pair.Bridge), ("obscure_entity", pair.ObscureEntity, ""),
                ("split", pair.Split, "")])
                if (text != absent)
                    json.WriteString(field, text);
            json.WriteEndObject();
        }
        stream.WriteByte((byte)'\n');
    }

    static PromptPair Parse(string line, string place, ExtraFields extra)
    {
        string?[] text;
        try
        {
            using var json = JsonDocument.Parse(line,
                new JsonDocumentOptions { AllowDuplicateProperties = false });
            text = Fields(json.RootElement, place, extra);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException) // or half a surrogate pair
        {
            throw new UserException($"{place} is not valid JSON ({Quoted.Line(e.Message)})", e);
        }
        for (int i = 0; i < Required; i++)
            if (text[i] is null)
                throw new UserException($"{place}: no field {s_fields[i]}; expected "
                    + string.Join(", ", s_fields.Take(Required)));
        return new PromptPair(text[0]!, text[1]!, text[2]!, text[3]!)
        {
            Memory = text[4] ?? text[2]!,
            ObscureEntity = text[5] ?? "",
            Split = text[6] ?? "",
        };
    }

    static string?[] Fields(JsonElement json, string place, ExtraFields extra)
    {
        if (json.ValueKind != JsonValueKind.Object)
            throw new UserException($"{place} is no JSON object; expected {{\"explicit\": ...}}");
        var text = new string?[s_fields.Length];
        foreach (JsonProperty property in json.EnumerateObject())
        {
            int at = Array.IndexOf(s_fields, property.Name);
            if (at < 0)
            {
                extra.Add([property.Name]);
                continue;
            }
            text[at] = property.Value.ValueKind == JsonValueKind.String ? property.Value.GetString()
                : throw new UserException($"{place}: {property.Name} is "
                    + $"{Quoted.Json(property.Value)}; expected text");
        }
        return text;
    }
}
