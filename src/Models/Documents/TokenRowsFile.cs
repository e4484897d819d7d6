using System.Globalization;
using System.Text.Json;
using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>
/// Prompts in a JSON list, each a list of token ids or a text; or one list of ids in a command line.
/// </summary>
public static class TokenRowsFile
{
    const int MostBytes = 256 << 20;

    /// <summary>Reads <c>[[1, 2, 3], "a text"]</c>. Rows are numbered from 0, as edits number them.</summary>
    /// <param name="path">The file.</param>
    /// <param name="encode">Turns a text into ids; null if the model has no tokenizer.</param>
    /// <exception cref="UserException">The file cannot be read or holds something else.</exception>
    public static IReadOnlyList<int[]> Read(string path, Func<string, int[]>? encode = null)
    {
        ReadOnlyMemory<byte> bytes = InputFile.ReadText(path, MostBytes);
        try
        {
            using JsonDocument json = JsonDocument.Parse(bytes, new JsonDocumentOptions { MaxDepth = 4 });
            if (json.RootElement.ValueKind != JsonValueKind.Array || json.RootElement.GetArrayLength() == 0)
                throw Bad(path, "it is not a list, or empty");
            return [.. json.RootElement.EnumerateArray().Select((row, i) => Row(path, row, i, encode))];
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException) // or half a surrogate pair
        {
            throw new UserException($"{Quoted.Path(path)}: not valid JSON ({Quoted.Line(e.Message)}).", e);
        }
    }

    /// <summary>Parses <c>1,2,3</c>.</summary>
    /// <param name="text">Ids with commas between them.</param>
    /// <param name="source">Where they came from; begins the message.</param>
    /// <exception cref="UserException">Something between commas is no whole number.</exception>
    public static int[] ParseIds(string text, string source)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (string.IsNullOrWhiteSpace(text))
            return [];
        return [.. text.Split(',').Select(part =>
            int.TryParse(part, NumberStyles.AllowLeadingWhite | NumberStyles.AllowTrailingWhite,
                CultureInfo.InvariantCulture, out int id)
                ? id
                : throw new UserException($"{Field.Of(source)}: {Quoted.Name(part.Trim())} is not a token "
                + "id; expected whole numbers with commas between them, like 464,3139,286"))];
    }

    static int[] Row(string path, JsonElement row, int index, Func<string, int[]>? encode)
    {
        if (row.ValueKind == JsonValueKind.String)
            return Encoded(path, row.GetString()!, index, encode);
        if (row.ValueKind != JsonValueKind.Array)
            throw Bad(path, $"row {index} is not a list");
        if (row.GetArrayLength() == 0)
            throw Bad(path, $"row {index} is empty");
        int[] ids = new int[row.GetArrayLength()];
        int t = 0;
        foreach (JsonElement id in row.EnumerateArray())
            if (id.ValueKind != JsonValueKind.Number || !id.TryGetInt32(out ids[t++]))
                throw Bad(path, $"row {index} has {Quoted.Json(id)}");
        return ids;
    }

    static int[] Encoded(string path, string text, int index, Func<string, int[]>? encode)
    {
        if (encode is null)
            throw new UserException($"{Quoted.Path(path)}: row {index} is text, and the model's folder has "
                + "no tokenizer; expected token ids.");
        int[] ids = encode(text);
        return ids.Length > 0 ? ids : throw Bad(path, $"row {index} is empty");
    }

    static UserException Bad(string path, string what) =>
        new($"{Quoted.Path(path)}: {what}; expected lists of token ids, like [[464, 3139], [15496]], or "
            + "texts.");
}
