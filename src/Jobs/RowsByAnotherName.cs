using System.Text.Json;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>
/// Finds plain texts that look like rows of JSON: a file that is called <c>rows.jsonl.txt</c> is one text.
/// </summary>
static class RowsByAnotherName
{
    const int FirstBytes = 1 << 16;

    /// <summary>Returns a remark on a file whose name says plain text, and whose first line is a JSON object
    /// or which is a list of objects or texts; null for any other.</summary>
    /// <exception cref="UserException">There is no such file.</exception>
    internal static string? Remark(string path)
    {
        if (TextRecords.IsTable(path))
            return null;
        (byte[] bytes, bool all) = First(path);
        ReadOnlyMemory<byte> text = bytes.AsMemory(bytes.AsSpan().StartsWith("\uFEFF"u8) ? 3 : 0);
        text = text.TrimStart(" \t\r\n"u8);
        try
        {
            return text.IsEmpty ? null : text.Span[0] switch
            {
                (byte)'{' when BeginsWithObject(text, all) => $"{Quoted.Path(path)}: its first line is a "
                    + "JSON object, and its name is that of a plain text; a name that ends in .jsonl makes "
                    + "rows of its lines",
                (byte)'[' when IsList(text.Span, all) => $"{Quoted.Path(path)}: is a JSON list, and its name "
                    + "is that of a plain text; a name that ends in .json makes rows of its items",
                _ => null,
            };
        }
        catch (JsonException) // a text that begins as JSON does
        {
            return null;
        }
    }

    // The first bytes of a file, and whether they are all; who reads the text says what is wrong with it.
    static (byte[] Bytes, bool All) First(string path)
    {
        byte[] bytes = new byte[FirstBytes];
        using FileStream file = InputFile.Open(path);
        try
        {
            int length = file.ReadAtLeast(bytes, FirstBytes, throwOnEndOfStream: false);
            return (bytes[..length], file.Length <= FirstBytes);
        }
        catch (IOException)
        {
            return ([], true);
        }
    }

    static bool BeginsWithObject(ReadOnlyMemory<byte> text, bool all)
    {
        int end = text.Span.IndexOf((byte)'\n');
        if (end < 0 && !all)
            return false;
        using JsonDocument row = JsonDocument.Parse(end < 0 ? text : text[..end]);
        return row.RootElement.EnumerateObject().Any();
    }

    // Of a long list the first bytes are no whole one; what they have must be JSON.
    static bool IsList(ReadOnlySpan<byte> text, bool all)
    {
        var json = new Utf8JsonReader(text, isFinalBlock: all, default);
        bool items = json.Read() && json.Read() && (json.TokenType == JsonTokenType.String
            || (json.TokenType == JsonTokenType.StartObject && json.Read()
                && json.TokenType == JsonTokenType.PropertyName));
        while (items && json.Read())
            continue;
        return items;
    }
}
