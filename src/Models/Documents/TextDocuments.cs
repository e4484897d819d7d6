using System.Text;
using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>Reads texts for training and evaluation.</summary>
public static class TextDocuments
{
    const int LargestBytes = 1_000_000_000; // what one .NET string holds, with a little room

    /// <summary>
    /// The documents of a file. <c>.jsonl</c>, <c>.ndjson</c>: one JSON object a line, its <c>text</c> field
    /// a document. <c>.json</c>: a list of such objects or of texts. <c>.csv</c>, <c>.tsv</c>: a row a
    /// document. Anything else: plain
    /// UTF-8 text, one document, or several separated by <c>&lt;|endoftext|&gt;</c> (one line break on each
    /// side belongs to the separator). Empty documents are left out.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="fields">Names of the fields that are the text; null for the usual ones. A prompt and its
    /// continuation are one document.</param>
    /// <param name="lines">Whether each line of a plain text is a document.</param>
    /// <param name="remark">Called with one line about fields that were passed over; null for
    /// nobody.</param>
    /// <exception cref="UserException">The file is missing, is not UTF-8, has a wrong line, or has no text;
    /// the line names the file and the place.</exception>
    public static IReadOnlyList<string> Read(
        string path, TextFields? fields = null, bool lines = false, Action<string>? remark = null)
    {
        if (lines || TextRecords.IsTable(path))
            return [.. TextRecords.Read(path, fields ?? TextFields.Usual, lines, remark)
                .Select(record => record.Whole)];
        List<string> documents = Plain(InputFile.ReadText(path, LargestBytes), path);
        documents.RemoveAll(string.IsNullOrEmpty);
        return documents.Count > 0
            ? documents
            : throw new UserException($"{Quoted.Path(path)}: there is no text in it.");
    }

    /// <summary>A whole file as one text, without a byte-order mark.</summary>
    /// <exception cref="UserException">It cannot be read or is not UTF-8.</exception>
    public static string ReadText(string path)
    {
        return Decode(InputFile.ReadText(path, LargestBytes).Span, path);
    }

    /// <summary>The lines of a file, without their ends; the last may be empty.</summary>
    /// <exception cref="UserException">It cannot be read or is not UTF-8.</exception>
    public static IReadOnlyList<string> ReadLines(string path)
        => [.. ReadText(path).Split('\n').Select(line => line.TrimEnd('\r'))];

    internal static string Decode(ReadOnlySpan<byte> content, string path)
    {
        // UTF-16 without its mark, or a binary file: it would be read as text with holes.
        if (content.IndexOf((byte)0) is >= 0 and var zero)
            throw new UserException($"{Quoted.Path(path)}: byte {zero} is 0, as in UTF-16 or a binary file; "
                + "save the text as UTF-8.");
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

    /// <summary>The record of one line of JSON.</summary>
    /// <exception cref="UserException">It is wrong; the message names <paramref name="place"/>.</exception>
    internal static TextRecord JsonLine(
        ReadOnlyMemory<byte> line, string place, string path, ExtraFields? extra = null) =>
        TextRecords.JsonLine(line, $"{Quoted.Path(path)}: {place}").Take(TextFields.Usual, extra);
}
