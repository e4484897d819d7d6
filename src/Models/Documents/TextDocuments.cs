using System.Text;
using System.Text.Json;
using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>Reads texts for training and evaluation.</summary>
public static class TextDocuments
{
    const int LargestBytes = 1_000_000_000; // what one .NET string holds, with a little room

    /// <summary>
    /// The documents of a file. <c>.jsonl</c>: one JSON object a line, its <c>text</c> field a document.
    /// Anything else: plain UTF-8 text, one document, or several separated by <c>&lt;|endoftext|&gt;</c>
    /// (one line break on each side belongs to the separator). Empty documents are left out.
    /// </summary>
    /// <exception cref="UserException">The file is missing, is not UTF-8, has a wrong line, or has no text;
    /// the line names the file and the place.</exception>
    public static IReadOnlyList<string> Read(string path)
    {
        byte[] bytes = InputFile.ReadAll(path, LargestBytes);
        var content = bytes.AsMemory(bytes.AsSpan().StartsWith("\uFEFF"u8) ? 3 : 0);
        bool isJsonLines = Path.GetExtension(path).Equals(".jsonl", StringComparison.OrdinalIgnoreCase);
        List<string> documents = isJsonLines ? JsonLines(content, path) : Plain(content, path);
        documents.RemoveAll(string.IsNullOrEmpty);
        return documents.Count > 0
            ? documents
            : throw new UserException($"{Quoted.Path(path)}: there is no text in it.");
    }

    /// <summary>A whole file as one text, without a byte-order mark.</summary>
    /// <exception cref="UserException">It cannot be read or is not UTF-8.</exception>
    public static string ReadText(string path)
    {
        byte[] bytes = InputFile.ReadAll(path, LargestBytes);
        return Decode(bytes.AsSpan(bytes.AsSpan().StartsWith("\uFEFF"u8) ? 3 : 0), path);
    }

    /// <summary>The lines of a file, without their ends; the last may be empty.</summary>
    /// <exception cref="UserException">It cannot be read or is not UTF-8.</exception>
    public static IReadOnlyList<string> ReadLines(string path)
        => [.. ReadText(path).Split('\n').Select(line => line.TrimEnd('\r'))];

    internal static string Decode(ReadOnlySpan<byte> content, string path)
    {
        try
        {
            return new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(content);
        }
        catch (DecoderFallbackException e)
        {
            throw new UserException(
                $"{Quoted.Path(path)}: byte {e.Index} is not UTF-8; save the text as UTF-8.", e);
        }
    }

    static List<string> Plain(ReadOnlyMemory<byte> content, string path)
    {
        string text = Decode(content.Span, path);
        string[] parts = text.Split(BpeVocabulary.EndOfText);
        for (int i = 0; i < parts.Length; i++)
        {
            if (i > 0)
                parts[i] = WithoutFirstLineBreak(parts[i]);
            if (i < parts.Length - 1)
                parts[i] = WithoutLastLineBreak(parts[i]);
        }
        return [.. parts];
    }

    static string WithoutFirstLineBreak(string text) =>
        text.StartsWith("\r\n", StringComparison.Ordinal) ? text[2..]
        : text.StartsWith('\n') ? text[1..] : text;

    static string WithoutLastLineBreak(string text) =>
        text.EndsWith("\r\n", StringComparison.Ordinal) ? text[..^2]
        : text.EndsWith('\n') ? text[..^1] : text;

    static List<string> JsonLines(ReadOnlyMemory<byte> content, string path)
    {
        var documents = new List<string>();
        for (int number = 1; !content.IsEmpty; number++)
        {
            int end = content.Span.IndexOf((byte)'\n');
            ReadOnlyMemory<byte> line = end < 0 ? content : content[..end];
            content = end < 0 ? default : content[(end + 1)..];
            if (!line.Span.Trim(" \t\r"u8).IsEmpty)
                documents.Add(TextField(line, $"line {number}", path));
        }
        return documents;
    }

    /// <summary>The text of one line of JSON.</summary>
    /// <exception cref="UserException">It is wrong; the message names <paramref name="place"/>.</exception>
    internal static string TextField(ReadOnlyMemory<byte> line, string place, string path)
    {
        try
        {
            using JsonDocument json = JsonDocument.Parse(line);
            if (json.RootElement.ValueKind == JsonValueKind.Object
                && json.RootElement.TryGetProperty("text", out JsonElement text)
                && text.ValueKind == JsonValueKind.String)
                return text.GetString()!;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException) // or half a surrogate pair
        {
            throw new UserException(
                $"{Quoted.Path(path)}: {place} is not valid JSON ({Quoted.Line(e.Message)}).", e);
        }
        throw new UserException(
            $"{Quoted.Path(path)}: {place} has no \"text\"; expected {{\"text\": \"...\"}}.");
    }
}
