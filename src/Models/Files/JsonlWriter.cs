using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>
/// Appends rows to a JSONL file, one JSON value a line. Every row reaches the operating system before
/// <see cref="Write"/> returns; a row cut short by a crash is removed when the file is opened again.
/// </summary>
public sealed class JsonlWriter : IDisposable
{
    static readonly JsonSerializerOptions Options = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        // A diverged loss is a result; without this it would be an exception.
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
    };

    readonly string _path;
    readonly FileStream _stream;

    JsonlWriter(string path, FileStream stream) => (_path, _stream) = (path, stream);

    /// <summary>Whole rows in the file.</summary>
    public long Rows { get; private set; }

    /// <summary>Starts a new file, replacing one of that name.</summary>
    /// <exception cref="UserException">The place cannot be written.</exception>
    public static JsonlWriter Create(string path) => Open(path, 0);

    /// <summary>Continues a file, or starts it.</summary>
    /// <param name="path">The file.</param>
    /// <param name="keepRows">Rows after this many are removed: those written after the checkpoint that a job
    /// resumes from.</param>
    /// <exception cref="UserException">The place cannot be written.</exception>
    public static JsonlWriter Append(string path, long keepRows = long.MaxValue) => Open(path, keepRows);

    /// <summary>Appends a row: a JSON node, a record or an anonymous type; names become snake_case.</summary>
    /// <exception cref="UserException">The disk is full.</exception>
    public void Write<T>(T row) => WriteLine(Line(row));

    /// <summary>The text of a row, as <see cref="Write"/> appends it, without the line end.</summary>
    public static string Line<T>(T row) => JsonSerializer.Serialize(row, Options);

    /// <summary>Appends a row that is text already: <see cref="Line"/>.</summary>
    /// <param name="row">JSON on one line, without the line end.</param>
    /// <exception cref="UserException">The disk is full.</exception>
    public void WriteLine(string row)
    {
        try
        {
            _stream.Write(Encoding.UTF8.GetBytes(row + "\n"));
        }
        catch (IOException e)
        {
            throw AtomicFile.Unwritable(_path, e);
        }
        Rows++;
    }

    /// <summary>Waits until every row is on the disk, so that what is written afterwards may count on them.
    /// </summary>
    /// <exception cref="UserException">The disk is full.</exception>
    public void Flush()
    {
        try
        {
            _stream.Flush(flushToDisk: true);
        }
        catch (IOException e)
        {
            throw AtomicFile.Unwritable(_path, e);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _stream.Dispose();

    static JsonlWriter Open(string path, long keepRows)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentOutOfRangeException.ThrowIfNegative(keepRows);
        FileStream? stream = null;
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
            // No buffer: a row is one write.
            stream = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read,
                bufferSize: 0);
            var writer = new JsonlWriter(path, stream);
            writer.KeepWholeRows(keepRows);
            return writer;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            stream?.Dispose();
            throw AtomicFile.Unwritable(path, e);
        }
    }

    void KeepWholeRows(long most)
    {
        byte[] buffer = new byte[1 << 16];
        long end = 0, position = 0;
        while (Rows < most && _stream.Read(buffer) is > 0 and var read)
        {
            for (int i = 0; i < read && Rows < most; i++)
                if (buffer[i] == (byte)'\n')
                    (Rows, end) = (Rows + 1, position + i + 1);
            position += read;
        }
        if (_stream.CanSeek && _stream.Length != end)
            _stream.SetLength(end);
        _stream.Position = end;
    }
}
