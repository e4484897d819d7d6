using System.Text.Json;
using System.Text.Unicode;
using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>
/// Reads texts from a file: <c>.jsonl</c> or <c>.ndjson</c> (an object a line), <c>.json</c> (a list of
/// objects or texts), <c>.csv</c> or <c>.tsv</c> (a row each), or plain text.
/// </summary>
public static class TextRecords
{
    const int LargestBytes = 1_000_000_000; // what one .NET string holds, with a little room
    const int DeepestJson = 1000; // of fields too that are passed over

    /// <summary>Reads the texts of a file. Empty ones are left out.</summary>
    /// <param name="path">The file.</param>
    /// <param name="fields">Names of the fields, of .jsonl, .json and .csv.</param>
    /// <param name="lines">Whether each line of a plain text is one text; else the file is.</param>
    /// <param name="remark">Called with a line about fields that were passed over, and one about rows without
    /// text; null for nobody.</param>
    /// <param name="prompts">Whether only the prompt of a row is used: then a row without one is left out,
    /// and else one with a prompt alone is refused where others have a continuation.</param>
    /// <exception cref="UserException">The file cannot be read, a row has another form, or there is no text;
    /// the message names file and line.</exception>
    public static IReadOnlyList<TextRecord> Read(string path, TextFields fields, bool lines = false,
        Action<string>? remark = null, bool prompts = false)
    {
        string Used(TextRecord record) => prompts ? record.Text : record.Whole;
        ArgumentNullException.ThrowIfNull(fields);
        var extra = new ExtraFields(path);
        List<TextRecord> found = [.. IsTable(path)
            ? Rows(path).Select(row => row.Take(fields, extra))
            : lines ? TextDocuments.ReadLines(path).Select((line, i) => new TextRecord(line, null,
                $"{Quoted.Path(path)}: line {i + 1}"))
            : [new TextRecord(TextDocuments.ReadText(path), null, Quoted.Path(path))]];
        extra.Tell(remark);
        var empty = new EmptyRows(path);
        var unanswered = new UnansweredRows();
        foreach (TextRecord record in found)
        {
            empty.Count(Used(record), record.Place);
            if (!prompts)
                unanswered.Check(record);
        }
        if (IsTable(path))
            empty.Tell(remark);
        found.RemoveAll(record => Used(record).Length == 0);
        return found.Count > 0 ? found
            : throw new UserException($"{Quoted.Path(path)}: there is no text in it.");
    }

    /// <summary>Whether a file's name says that it has rows with fields.</summary>
    public static bool IsTable(string path) => IsJsonLines(path) || IsCsv(path) || Ending(path) == ".json";

    /// <summary>Whether a file's name says that it has a JSON object a line.</summary>
    public static bool IsJsonLines(string path) => Ending(path) is ".jsonl" or ".ndjson";

    /// <summary>Whether a file's name says that it has rows of fields with commas or, <c>.tsv</c>, tabs
    /// between them: what <see cref="CsvTable"/> reads.</summary>
    public static bool IsCsv(string path) => Ending(path) is ".csv" or ".tsv";

    /// <summary>Reads the rows of a file with fields; one that is no <c>.json</c>, <c>.csv</c> or <c>.tsv</c>
    /// is read as <c>.jsonl</c>.</summary>
    /// <exception cref="UserException">The file cannot be read or a row has another form.</exception>
    public static IEnumerable<TextRow> Rows(string path) =>
        IsCsv(path) ? CsvRows(path) : Ending(path) == ".json" ? JsonRows(path) : JsonLines(path);

    static string Ending(string path) => Path.GetExtension(path).ToLowerInvariant();

    /// <summary>The row of one line of JSON.</summary>
    /// <exception cref="UserException">It is no object.</exception>
    internal static TextRow JsonLine(ReadOnlyMemory<byte> line, string place) =>
        Parsed(line, place, json => JsonRow(json, place));

    static IEnumerable<TextRow> JsonLines(string path)
    {
        ReadOnlyMemory<byte> content = InputFile.ReadText(path, LargestBytes);
        for (int number = 1; !content.IsEmpty; number++)
        {
            int end = content.Span.IndexOf((byte)'\n');
            ReadOnlyMemory<byte> line = end < 0 ? content : content[..end];
            content = end < 0 ? default : content[(end + 1)..];
            if (!line.Span.Trim(" \t\r"u8).IsEmpty)
                yield return JsonLine(line, $"{Quoted.Path(path)}: line {number}");
        }
    }

    static List<TextRow> JsonRows(string path) =>
        Parsed(InputFile.ReadText(path, LargestBytes), Quoted.Path(path), json =>
            json.ValueKind == JsonValueKind.Array
                ? json.EnumerateArray()
                    .Select((item, i) => JsonRow(item, $"{Quoted.Path(path)}: row {i + 1}")).ToList()
                : throw new UserException($"{Quoted.Path(path)}: is no list; expected a list of objects or "
                    + "texts, like [{\"text\": \"...\"}]."));

    static IEnumerable<TextRow> CsvRows(string path)
    {
        CsvTable table = CsvTable.Read(path);
        for (int i = 0; i < table.Rows.Count; i++)
            yield return new TextRow(table.Place(i),
                table.Header.Zip(table.Rows[i]).Where(cell => cell.First.Length > 0)
                    .ToDictionary(cell => cell.First, cell => cell.Second, StringComparer.Ordinal),
                new Dictionary<string, JsonElement>());
    }

    static TextRow JsonRow(JsonElement json, string place)
    {
        var texts = new Dictionary<string, string>(StringComparer.Ordinal);
        var others = new Dictionary<string, JsonElement>(StringComparer.Ordinal);
        if (json.ValueKind == JsonValueKind.String)
            texts["text"] = json.GetString()!;
        else if (json.ValueKind != JsonValueKind.Object)
            throw new UserException($"{place}: found {Quoted.Json(json)}; expected an object");
        else
            foreach (JsonProperty field in json.EnumerateObject()) // of two fields with one name the last
                if (field.Value.ValueKind == JsonValueKind.String)
                {
                    texts[field.Name] = field.Value.GetString()!;
                    others.Remove(field.Name);
                }
                else
                {
                    others[field.Name] = field.Value.Clone();
                    texts.Remove(field.Name);
                }
        return new TextRow(place, texts, others);
    }

    static T Parsed<T>(ReadOnlyMemory<byte> text, string place, Func<JsonElement, T> read)
    {
        try
        {
            using JsonDocument json = JsonDocument.Parse(
                text, new JsonDocumentOptions { MaxDepth = DeepestJson });
            return read(json.RootElement);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException) // or half a surrogate pair
        {
            // JSON has no zero byte; UTF-16 has many.
            if (!Utf8.IsValid(text.Span) || text.Span.Contains((byte)0))
                throw new UserException($"{place} is not UTF-8; save the file as UTF-8.", e);
            throw new UserException($"{place} is not valid JSON ({Quoted.Line(e.Message)}).", e);
        }
    }
}

/// <summary>A row of a file with fields.</summary>
/// <param name="Place">File and line, for messages.</param>
/// <param name="Texts">Its fields that are text.</param>
/// <param name="Others">Its other fields.</param>
public sealed record TextRow(
    string Place, IReadOnlyDictionary<string, string> Texts, IReadOnlyDictionary<string, JsonElement> Others)
{
    /// <summary>Returns the text of the row; the fields that are no part of it are passed over.</summary>
    /// <param name="fields">Names of the fields that are the text.</param>
    /// <param name="extra">Gets the names of the other fields; null for nobody.</param>
    /// <exception cref="UserException">The row has no text.</exception>
    public TextRecord Take(TextFields fields, ExtraFields? extra)
    {
        var texts = new Dictionary<string, string>(Texts, StringComparer.Ordinal);
        TextRecord record = fields.Take(texts, Others.Keys, Place);
        extra?.Add(texts.Keys);
        extra?.Add(Others.Keys);
        return record;
    }
}

/// <summary>Names of fields that a reader passes over, for one remark a file.</summary>
/// <param name="path">The file.</param>
/// <param name="known">Fields that the reader takes itself.</param>
public sealed class ExtraFields(string path, params string[] known)
{
    readonly HashSet<string> _names = new(StringComparer.Ordinal);

    /// <summary>Notes fields.</summary>
    public void Add(IEnumerable<string> names) => _names.UnionWith(names.Except(known));

    /// <summary>Says once which fields were passed over; nothing if there are none.</summary>
    public void Tell(Action<string>? remark)
    {
        if (_names.Count > 0)
            remark?.Invoke($"{Quoted.Path(path)}: fields passed over: "
                + string.Join(", ", _names.Order(StringComparer.Ordinal).Take(12).Select(Quoted.Name))
                + (_names.Count > 12 ? $" and {_names.Count - 12} more" : ""));
    }
}

/// <summary>Rows without text, for one remark a file: a reader leaves them out.</summary>
/// <param name="path">The file.</param>
public sealed class EmptyRows(string path)
{
    const int Named = 12;

    readonly List<string> _places = [];
    long _rows, _empty;

    /// <summary>Notes a row.</summary>
    /// <param name="text">Its text.</param>
    /// <param name="place">Its place, with the file's name or without.</param>
    public void Count(string text, string place)
    {
        ArgumentNullException.ThrowIfNull(text);
        ArgumentNullException.ThrowIfNull(place);
        _rows++;
        if (text.Length > 0)
            return;
        _empty++;
        string file = Quoted.Path(path) + ": ";
        if (_places.Count < Named)
            _places.Add(place.StartsWith(file, StringComparison.Ordinal) ? place[file.Length..] : place);
    }

    /// <summary>Says once how many rows were left out and which; nothing if there are none.</summary>
    public void Tell(Action<string>? remark)
    {
        if (_empty > 0)
            remark?.Invoke($"{Quoted.Path(path)}: {_empty} of {Counted.Of(_rows, "row")} without text left "
                + $"out: {string.Join(", ", _places)}"
                + (_empty > Named ? $" and {_empty - Named} more" : ""));
    }
}
