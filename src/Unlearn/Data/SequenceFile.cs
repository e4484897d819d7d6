using System.Text.Json;
using System.Text.Json.Nodes;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Unlearn;

/// <summary>How a file of sequences is read.</summary>
/// <param name="Fields">Names of the fields that are the text.</param>
/// <param name="Bos">Token id that is put before each sequence that does not begin with it; null for
/// none.</param>
/// <param name="Remark">Called with one line about fields that were passed over; null for nobody.</param>
public sealed record SequenceReading(TextFields Fields, int? Bos = null, Action<string>? Remark = null);

/// <summary>
/// Sequences from a file: <c>.csv</c>, <c>.tsv</c>, a <c>.json</c> list, or JSONL, an object a line. A row is
/// <c>{"ids": […]}</c>, <c>{"text": "…"}</c> or a prompt with its continuation, with optional
/// <c>"clean_ids"</c>, <c>"group"</c> (copied 10^group times) and <c>"prompt"</c> (tokens it is asked from).
/// </summary>
public static class SequenceFile
{
    static readonly string[] s_numbers = ["ids", "clean_ids", "group", "prompt"];

    /// <summary>Reads the sequences of a file.</summary>
    /// <param name="path">Path of the file; blank lines are ignored.</param>
    /// <param name="vocabSize">Size of the vocabulary; ids are below it.</param>
    /// <param name="tokenizer">Tokenizer that encodes texts; null if the model's folder has none.</param>
    /// <param name="reading">How it is read; null for the usual fields and no begin-of-text token.</param>
    /// <exception cref="UserException">The file cannot be read or has no sequence, or a line has another
    /// form. The message names the file and the line.</exception>
    public static IReadOnlyList<PlantedSequence> Read(string path, int vocabSize, ByteBpeTokenizer? tokenizer,
        SequenceReading? reading = null)
    {
        reading ??= new SequenceReading(TextFields.Usual);
        var extra = new ExtraFields(path, s_numbers);
        var unanswered = new UnansweredRows();
        List<PlantedSequence> sequences = [.. TextRecords.Rows(path)
            .Select(row => Sequence(row, vocabSize, tokenizer, reading, extra, unanswered))];
        extra.Tell(reading.Remark);
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

    static PlantedSequence Sequence(TextRow row, int vocabSize, ByteBpeTokenizer? tokenizer,
        SequenceReading reading, ExtraFields extra, UnansweredRows unanswered)
    {
        string source = row.Place;
        bool hasIds = row.Others.TryGetValue("ids", out JsonElement ids);
        if (hasIds && row.Texts.ContainsKey("text") || !hasIds && row.Others.ContainsKey("text"))
            throw new UserException($"{source}: expected \"ids\" or \"text\", one of them, and a text as "
                + "text");
        int? prompt = null;
        int[] all;
        if (hasIds)
        {
            all = Ids(ids, "ids", source, vocabSize);
            extra.Add(row.Texts.Keys);
            extra.Add(row.Others.Keys);
        }
        else
            (all, prompt) = Texts(row, vocabSize, tokenizer, reading.Fields, extra, unanswered);
        if (row.Others.TryGetValue("prompt", out JsonElement n))
            prompt = Whole(n, "prompt", source, 1, all.Length);
        int[]? clean = row.Others.TryGetValue("clean_ids", out JsonElement cleanIds)
            ? Ids(cleanIds, "clean_ids", source, vocabSize) : null;
        int group = row.Others.TryGetValue("group", out JsonElement copies)
            ? Whole(copies, "group", source, 0, 9) : 0;
        if (reading.Bos is not { } bos || all[0] == bos)
            return new PlantedSequence(all, clean, group, prompt);
        return new PlantedSequence([bos, .. all], clean is null ? null : [bos, .. clean], group, prompt + 1);
    }

    // Prompt and continuation are encoded apart: the model is asked where one ends and the other begins.
    static (int[] Ids, int? Prompt) Texts(TextRow row, int vocabSize, ByteBpeTokenizer? tokenizer,
        TextFields fields, ExtraFields extra, UnansweredRows unanswered)
    {
        string source = row.Place;
        if (row.Texts.Count == 0)
            throw new UserException($"{source}: expected \"ids\" or \"text\", one of them, or a prompt and "
                + "its continuation");
        TextRecord record = row.Take(fields, extra);
        unanswered.Check(record);
        if (tokenizer is null)
            throw new UserException($"{source}: is text, and the model's folder has no tokenizer; "
                + "expected \"ids\"");
        int[] first = Encode(record.Text, record.Continuation is null ? "text" : "prompt");
        if (record.Continuation is null)
            return (first, null);
        int[] second = Encode(record.Continuation, "continuation");
        return ([.. first, .. second], first.Length);

        int[] Encode(string text, string what)
        {
            int[] encoded = tokenizer.Encode(text);
            if (encoded.Length == 0)
                throw new UserException($"{source}: the {what} is empty; expected text, or no such row");
            return encoded.All(id => id < vocabSize) ? encoded
                : throw new UserException($"{source}: the text has token id "
                    + $"{encoded.First(id => id >= vocabSize)}; the model's vocabulary is 0 to "
                    + $"{vocabSize - 1}");
        }
    }

    static int[] Ids(JsonElement list, string field, string source, int vocabSize)
    {
        if (list.ValueKind != JsonValueKind.Array || list.GetArrayLength() == 0)
            throw new UserException($"{source}: {field} is {Quoted.Json(list)}; expected a list "
                + "of token ids, at least one");
        return [.. list.EnumerateArray().Select(id => Whole(id, field, source, 0, vocabSize - 1))];
    }

    static int Whole(JsonElement json, string field, string source, int least, int most)
        => json.ValueKind == JsonValueKind.Number && json.TryGetInt32(out int n) && n >= least && n <= most
            ? n : throw new UserException($"{source}: {field} has {Quoted.Json(json)}; expected "
                + $"whole numbers from {least} to {most}");

    static JsonArray Ids(int[] ids) => new([.. ids.Select(id => (JsonNode)id)]);
}
