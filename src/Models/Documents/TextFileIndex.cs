using System.Text;
using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>
/// Where the documents of a text file lie, 12 bytes a document; the text stays on disk. Documents are
/// exactly those of <see cref="TextDocuments.Read"/>.
/// </summary>
sealed class TextFileIndex
{
    const int WindowBytes = 1 << 18;
    const int LongestDocument = 1_000_000_000; // bytes: one .NET string holds it

    static readonly byte[] Separator = Encoding.ASCII.GetBytes(BpeVocabulary.EndOfText);

    readonly List<long> _starts = [];
    readonly List<int> _lengths = [];
    readonly string _path;
    readonly bool _isJsonLines;
    readonly long _fileBytes;
    readonly DateTime _written;

    /// <summary>Reads the file once, and checks all of it.</summary>
    /// <param name="path">What <see cref="TextDocuments.Read"/> accepts, of any length.</param>
    /// <param name="windowBytes">Bytes in memory at a time; a longer line of JSON makes it more.</param>
    /// <param name="remark">Called with one line about fields that were passed over; null for
    /// nobody.</param>
    /// <exception cref="UserException">The file is missing, is not UTF-8, has a wrong line, or has no text;
    /// the line names the file and its line.</exception>
    internal TextFileIndex(string path, int windowBytes = WindowBytes, Action<string>? remark = null)
    {
        _path = path;
        _isJsonLines = TextRecords.IsJsonLines(path);
        try
        {
            using var window = new FileWindow(path, windowBytes);
            if (_isJsonLines)
                IndexJsonLines(window, remark);
            else
                IndexPlain(window);
            (_fileBytes, _written, Hash) = (window.Origin + window.Bytes.Length, window.Written, window.Hash);
        }
        catch (IOException e)
        {
            throw InputFile.Unreadable(path, e);
        }
        if (Count == 0)
            throw new UserException($"{Quoted.Path(path)}: there is no text in it.");
        _starts.TrimExcess();
        _lengths.TrimExcess();
    }

    /// <summary>The file, for a message.</summary>
    internal string Path => Quoted.Path(_path);

    /// <summary>Documents with text.</summary>
    internal int Count => _starts.Count;

    /// <summary>SHA-256 of the file, 64 hexadecimal digits.</summary>
    internal string Hash { get; }

    /// <summary>What the file's documents are called in <see cref="DocumentSource.Hash"/>.</summary>
    internal string Kind => _isJsonLines ? "jsonl" : "txt";

    /// <summary>A document for a message.</summary>
    internal string Name(int document) =>
        $"{Quoted.Path(_path)}: document {document + 1} (from byte {_starts[document]} on)";

    /// <summary>Reads the text of a document, and no more of the file than it.</summary>
    /// <exception cref="UserException">The file cannot be read, or changed since it was indexed.</exception>
    internal string Read(int document)
    {
        byte[] bytes = new byte[_lengths[document]];
        using FileStream file = InputFile.Open(_path);
        try
        {
            if (file.Length != _fileBytes || File.GetLastWriteTimeUtc(file.SafeFileHandle) != _written)
                throw new UserException($"{Quoted.Path(_path)}: changed while it was in use; start again.");
            file.Position = _starts[document];
            file.ReadExactly(bytes);
        }
        catch (IOException e)
        {
            throw InputFile.Unreadable(_path, e);
        }
        return _isJsonLines
            ? TextDocuments.JsonLine(bytes, $"document {document + 1}", _path).Whole
            : TextDocuments.Decode(bytes, _path);
    }

    void IndexPlain(FileWindow window)
    {
        var utf8 = new Utf8Check(_path);
        int at = ByteOrderMark(window);
        long start = at;
        while (true)
        {
            utf8.Check(window);
            int found = window.Bytes[at..].IndexOf(Separator);
            int next = at + found + Separator.Length;
            // The separator's own line break, two bytes at most, must be in sight too.
            if (found >= 0 && (window.AtEnd || next + 2 <= window.Bytes.Length))
            {
                ReadOnlySpan<byte> text = window.Bytes[(int)Math.Max(0, start - window.Origin)..(at + found)];
                Add(start, window.Origin + at + found - LineBreakAtEnd(text));
                at = next + LineBreakAtStart(window.Bytes[next..]);
                start = window.Origin + at;
                continue;
            }
            if (window.AtEnd)
                break;
            int seen = found >= 0 ? at + found : Math.Max(at, window.Bytes.Length - Separator.Length + 1);
            int forget = Math.Max(0, seen - 2); // a line break before the separator stays in sight
            window.Advance(forget);
            at = seen - forget;
        }
        Add(start, window.Origin + window.Bytes.Length);
    }

    void IndexJsonLines(FileWindow window, Action<string>? remark)
    {
        var extra = new ExtraFields(_path);
        var empty = new EmptyRows(_path);
        var unanswered = new UnansweredRows();
        int at = ByteOrderMark(window);
        for (long number = 1; ; number++)
        {
            int length;
            while ((length = window.Bytes[at..].IndexOf((byte)'\n')) < 0 && !window.AtEnd)
            {
                if (window.Bytes.Length - at > LongestDocument)
                    throw new UserException($"{Quoted.Path(_path)}: line {number} has more than "
                        + $"{LongestDocument} bytes; cut it into shorter ones.");
                window.Advance(at);
                at = 0;
            }
            ReadOnlyMemory<byte> line = window.Memory[at..];
            line = length < 0 ? line : line[..length];
            if (!line.Span.Trim(" \t\r"u8).IsEmpty)
            {
                TextRecord record = TextDocuments.JsonLine(line, $"line {number}", _path, extra);
                unanswered.Check(record);
                string text = record.Whole;
                empty.Count(text, record.Place);
                if (text.Length > 0)
                    Add(window.Origin + at, window.Origin + at + line.Length);
            }
            if (length < 0)
                break;
            at += length + 1;
        }
        extra.Tell(remark);
        empty.Tell(remark);
    }

    void Add(long start, long end)
    {
        if (start == end)
            return;
        if (end - start > LongestDocument)
            throw new UserException($"{Quoted.Path(_path)}: document {Count + 1} has {end - start} bytes; "
                + $"expected at most {LongestDocument}. Put {BpeVocabulary.EndOfText} between documents.");
        _starts.Add(start);
        _lengths.Add((int)(end - start));
    }

    static int ByteOrderMark(FileWindow window) => window.Bytes.StartsWith("\uFEFF"u8) ? 3 : 0;

    static int LineBreakAtStart(ReadOnlySpan<byte> text) =>
        text.StartsWith("\r\n"u8) ? 2 : text.StartsWith("\n"u8) ? 1 : 0;

    static int LineBreakAtEnd(ReadOnlySpan<byte> text) =>
        text.EndsWith("\r\n"u8) ? 2 : text.EndsWith("\n"u8) ? 1 : 0;
}
