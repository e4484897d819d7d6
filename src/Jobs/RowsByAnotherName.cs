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

    /// <summary>Returns a remark on a file whose name says plain text and whose first line is a JSON object;
    /// null for any other.</summary>
    /// <exception cref="UserException">There is no such file.</exception>
    internal static string? Remark(string path)
    {
        if (TextRecords.IsTable(path) || !BeginsWithObject(path))
            return null;
        return $"{Quoted.Path(path)}: its first line is a JSON object, and its name is that of a plain text; "
            + "a name that ends in .jsonl makes rows of its lines";
    }

    static bool BeginsWithObject(string path)
    {
        byte[] bytes = new byte[FirstBytes];
        using FileStream file = InputFile.Open(path);
        try
        {
            ReadOnlyMemory<byte> first = bytes.AsMemory(0, file.ReadAtLeast(bytes, FirstBytes, false));
            first = first.Span.StartsWith("\uFEFF"u8) ? first[3..] : first;
            int end = first.Span.IndexOf((byte)'\n');
            if (first.Span.IsEmpty || first.Span[0] != (byte)'{' || (end < 0 && file.Length > FirstBytes))
                return false;
            using JsonDocument row = JsonDocument.Parse(end < 0 ? first : first[..end]);
            return row.RootElement.EnumerateObject().Any();
        }
        catch (Exception e) when (e is JsonException or IOException) // who reads the text says what is wrong
        {
            return false;
        }
    }
}
