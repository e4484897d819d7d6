using System.Text.Json;
using System.Text.Json.Nodes;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Unlearn;

/// <summary>
/// Sequences as JSONL, an object a line: <c>{"ids": […]}</c> or <c>{"text": "…"}</c>, with optional
/// <c>"clean_ids"</c>, <c>"group"</c> (copied 10^group times) and <c>"prompt"</c> (tokens it is asked from).
/// </summary>
public static class SequenceFile
{
    const int MostBytes = 1 << 30;

    static readonly string[] s_fields = ["ids", "text", "clean_ids", "group", "prompt"];

    /// <summary>Reads the sequences of a file.</summary>
    /// <param name="path">Path of the file; blank lines are ignored.</param>
    /// <param name="vocabSize">Size of the vocabulary; ids are below it.</param>
    /// <param name="tokenizer">Tokenizer that encodes texts; null if the model's folder has none.</param>
    /// <exception cref="UserException">The file cannot be read or has no sequence, or a line has another
    /// form. The message names the file and the line.</exception>
    public static IReadOnlyList<PlantedSequence> Read(string path, int vocabSize, ByteBpeTokenizer? tokenizer)
    {
        byte[] bytes = InputFile.ReadAll(path, MostBytes);
        var sequences = new List<PlantedSequence>();
        int number = 0;
        for (int start = 0; start < bytes.Length;)
        {
            int length = bytes.AsSpan(start).IndexOf((byte)'\n');
            length = length < 0 ? bytes.Length - start : length;
            number++;
            ReadOnlyMemory<byte> line = bytes.AsMemory(start, length);
            start += length + 1;
            if (line.Span.Trim(" \t\r"u8).Length > 0)
                sequences.Add(Line(line, $"{Quoted.Path(path)}: line {number}", vocabSize, tokenizer));
        }
        return sequences.Count > 0 ? sequences
            : throw new UserException($"{Quoted.Path(path)}: holds no sequence; expected a line an object, "
                + "like {\"ids\": [464, 3139]} or {\"text\": \"...\"}.");
    }

    /// <summary>Writes sequences. Fields with their default value are left out.</summary>
    /// <exception cref="UserException">The place cannot be written.</exception>
    public static void Write(string path, IEnumerable<PlantedSequence> sequences)
    {
        ArgumentNullException.ThrowIfNull(sequences);
        AtomicFile.Write(path, stream =>
        {
            foreach (PlantedSequence s in sequences)
            {
                var json = new JsonObject { ["ids"] = Ids(s.Ids) };
                if (s.CleanIds is { } clean)
                    json["clean_ids"] = Ids(clean);
                if (s.Group != 0)
                    json["group"] = s.Group;
                if (s.Prompt is { } prompt)
                    json["prompt"] = prompt;
                stream.Write(JsonSerializer.SerializeToUtf8Bytes(json));
                stream.WriteByte((byte)'\n');
            }
        });
    }

    static PlantedSequence Line(
        ReadOnlyMemory<byte> line, string source, int vocabSize, ByteBpeTokenizer? tokenizer)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(line, new JsonDocumentOptions { MaxDepth = 4 });
            JsonElement json = document.RootElement;
            if (json.ValueKind != JsonValueKind.Object)
                throw new UserException(
                    $"{source}: found {Quoted.Name(json.GetRawText())}; expected an object");
            foreach (JsonProperty property in json.EnumerateObject())
                if (!s_fields.Contains(property.Name))
                    throw new UserException($"{source}: unknown field {Quoted.Name(property.Name)}; expected "
                        + string.Join(", ", s_fields));
            int[] ids = TokensOf(json, source, vocabSize, tokenizer);
            int? prompt = json.TryGetProperty("prompt", out JsonElement n)
                ? Whole(n, "prompt", source, 1, ids.Length) : null;
            return new PlantedSequence(ids,
                json.TryGetProperty("clean_ids", out JsonElement clean)
                    ? Ids(clean, "clean_ids", source, vocabSize) : null,
                json.TryGetProperty("group", out JsonElement group) ? Whole(group, "group", source, 0, 9) : 0,
                prompt);
        }
        catch (JsonException e)
        {
            throw new UserException($"{source}: not valid JSON ({Quoted.Line(e.Message)})", e);
        }
    }

    static int[] TokensOf(JsonElement json, string source, int vocabSize, ByteBpeTokenizer? tokenizer)
    {
        bool hasIds = json.TryGetProperty("ids", out JsonElement ids);
        if (hasIds == json.TryGetProperty("text", out JsonElement text))
            throw new UserException($"{source}: expected \"ids\" or \"text\", one of them");
        if (hasIds)
            return Ids(ids, "ids", source, vocabSize);
        if (text.ValueKind != JsonValueKind.String)
            throw new UserException($"{source}: text is {Quoted.Name(text.GetRawText())}; expected text");
        if (tokenizer is null)
            throw new UserException($"{source}: is text, and the model's folder has no tokenizer; "
                + "expected \"ids\"");
        int[] encoded = tokenizer.Encode(text.GetString()!);
        return encoded.Length > 0 ? encoded : throw new UserException($"{source}: the text is empty");
    }

    static int[] Ids(JsonElement list, string field, string source, int vocabSize)
    {
        if (list.ValueKind != JsonValueKind.Array || list.GetArrayLength() == 0)
            throw new UserException($"{source}: {field} is {Quoted.Name(list.GetRawText())}; expected a list "
                + "of token ids, at least one");
        return [.. list.EnumerateArray().Select(id => Whole(id, field, source, 0, vocabSize - 1))];
    }

    static int Whole(JsonElement json, string field, string source, int least, int most)
        => json.ValueKind == JsonValueKind.Number && json.TryGetInt32(out int n) && n >= least && n <= most
            ? n : throw new UserException($"{source}: {field} has {Quoted.Name(json.GetRawText())}; expected "
                + $"whole numbers from {least} to {most}");

    static JsonArray Ids(int[] ids) => new([.. ids.Select(id => (JsonNode)id)]);
}
