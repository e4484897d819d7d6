using System.Text.Json;
using HeadTap.Circuits;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>
/// A .jsonl file of pairs, one a line: <c>{"clean": "…", "corrupt": "…", "answer": " x", "wrong": " y"}</c>,
/// prompts as text or as lists of token ids, answers as text or as a token id. <c>"align": "0-0,2-1"</c> says
/// which position of the clean prompt belongs to which of the corrupted one.
/// </summary>
static class ContrastPairFile
{
    const int MostTokens = 1 << 20;

    static readonly string[] s_fields = ["clean", "corrupt", "answer", "wrong", "align"];

    /// <summary>Reads the pairs.</summary>
    /// <exception cref="UserException">The file cannot be read, or a line is no pair; the message names
    /// it.</exception>
    internal static IReadOnlyList<ContrastPair> Read(
        string path, ModelText text, bool cleanIsEnough, Action<string>? remark)
    {
        var pairs = new List<ContrastPair>();
        var extra = new ExtraFields(path);
        string[] lines = TextDocuments.ReadText(path).Split('\n');
        for (int i = 0; i < lines.Length; i++)
            if (!string.IsNullOrWhiteSpace(lines[i]))
                pairs.Add(Parse(lines[i], $"{Quoted.Path(path)} line {i + 1}", text, cleanIsEnough, extra));
        extra.Tell(remark);
        return pairs.Count > 0 ? pairs : throw new UserException(
            $"{Quoted.Path(path)} has no pair; expected lines like "
            + "{\"clean\": ..., \"corrupt\": ..., \"answer\": ...}");
    }

    static ContrastPair Parse(
        string line, string place, ModelText text, bool cleanIsEnough, ExtraFields extra)
    {
        try
        {
            using var json = JsonDocument.Parse(line,
                new JsonDocumentOptions { AllowDuplicateProperties = false });
            JsonElement row = json.RootElement;
            if (row.ValueKind != JsonValueKind.Object)
                throw new UserException($"{place} is no JSON object; expected {{\"clean\": ...}}");
            extra.Add(row.EnumerateObject().Select(p => p.Name).Except(s_fields));
            return new ContrastPair(
                Prompt(row, "clean", place, text) ?? throw Without("clean", place),
                Prompt(row, "corrupt", place, text)
                    ?? (cleanIsEnough ? null : throw Without("corrupt", place)),
                Token(row, "answer", place, text) ?? throw Without("answer", place),
                Token(row, "wrong", place, text)) { Place = place, Align = Align(row, place) };
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException) // or half a surrogate pair
        {
            throw new UserException($"{place} is not valid JSON ({Quoted.Line(e.Message)})", e);
        }
    }

    static int[]? Prompt(JsonElement row, string field, string place, ModelText text)
    {
        if (!row.TryGetProperty(field, out JsonElement value) || value.ValueKind == JsonValueKind.Null)
            return null;
        if (value.ValueKind == JsonValueKind.String)
            return text.Row(value.GetString()!);
        if (value.ValueKind != JsonValueKind.Array || value.GetArrayLength() > MostTokens)
            throw Wrong(field, value, place, "text or a list of token ids");
        return text.Row([.. value.EnumerateArray().Select(id =>
            id.ValueKind == JsonValueKind.Number && id.TryGetInt32(out int token) ? token
                : throw Wrong(field, id, place, "text or a list of token ids"))]);
    }

    static int? Token(JsonElement row, string field, string place, ModelText text)
    {
        if (!row.TryGetProperty(field, out JsonElement value) || value.ValueKind == JsonValueKind.Null)
            return null;
        return value.ValueKind == JsonValueKind.String
            ? ContrastRequest.SingleToken(text, value.GetString()!, $"{place}: {field}")
            : value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int token) ? token
                : throw Wrong(field, value, place, "text or a token id");
    }

    static PositionPairs? Align(JsonElement row, string place)
    {
        if (!row.TryGetProperty("align", out JsonElement value) || value.ValueKind == JsonValueKind.Null)
            return null;
        return value.ValueKind == JsonValueKind.String
            ? PatchWords.Pairs($"{place}: align", value.GetString()!)
            : throw Wrong("align", value, place, "positions like \"0-0,2-1\"");
    }

    static UserException Without(string field, string place) => new(
        $"{place}: no field {field}; expected " + string.Join(", ", s_fields.Take(3)));

    static UserException Wrong(string field, JsonElement value, string place, string expected) => new(
        $"{place}: {field} has {Quoted.Json(value)}; expected {expected}");
}
