using System.Text.Json;
using System.Text.Json.Nodes;

namespace HeadTap.Serve;

/// <summary>
/// The lines of a batch that are done, in a file that only grows. A line that a killed server left half
/// written is cut off when the file is opened again, and its request is asked again.
/// </summary>
sealed class BatchOutput : IDisposable
{
    readonly FileStream _file;
    readonly Lock _lock = new();

    /// <param name="path">The file.</param>
    /// <param name="done">Gets the numbers of the lines that are there.</param>
    internal BatchOutput(string path, HashSet<int> done)
    {
        Path = path;
        _file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read);
        try
        {
            _file.SetLength(ReadWhole(done));
            _file.Seek(0, SeekOrigin.End);
        }
        catch
        {
            _file.Dispose();
            throw;
        }
    }

    internal string Path { get; }

    /// <summary>Lines in the file.</summary>
    internal int Lines { get; private set; }

    internal void Write(JsonObject line)
    {
        byte[] bytes = [.. JsonText.Bytes(line), (byte)'\n'];
        lock (_lock)
        {
            _file.Write(bytes);
            _file.Flush();
            Lines++;
        }
    }

    public void Dispose() => _file.Dispose();

    // The length up to the last line that is whole.
    long ReadWhole(HashSet<int> done)
    {
        long whole = 0;
        foreach (ReadOnlyMemory<byte> line in JsonLines.Of(_file))
        {
            if (whole + line.Length >= _file.Length)
                return whole; // no line end: half a line
            try
            {
                using JsonDocument json = JsonDocument.Parse(line);
                done.Add(json.RootElement.GetProperty("line").GetInt32());
            }
            catch (JsonException)
            {
                return whole;
            }
            whole += line.Length + 1;
            Lines++;
        }
        return whole;
    }
}
