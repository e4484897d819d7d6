using System.Text.Json;

namespace HeadTap.Runtime;

/// <summary>Opens files that the user named, and says in one line why one cannot be read.</summary>
static class InputFile
{
    // Deeper than any file we read; a stack of brackets is refused before it costs anything.
    const int DeepestJson = 16;

    /// <summary>Opens an existing file for reading.</summary>
    /// <exception cref="UserException">It is missing, is a folder, or may not be read.</exception>
    internal static FileStream Open(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (Directory.Exists(path))
            throw new UserException($"{Quoted.Path(path)}: is a folder; expected a file.");
        try
        {
            return new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new UserException($"{Quoted.Path(path)}: no such file. Check the path.", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw Unreadable(path, e);
        }
    }

    /// <summary>Reads a whole file that should be small.</summary>
    /// <exception cref="UserException">It cannot be read or is longer than <paramref name="most"/>.</exception>
    internal static byte[] ReadAll(string path, long most)
    {
        using FileStream stream = Open(path);
        try
        {
            if (stream.Length > most)
                throw new UserException($"{Quoted.Path(path)}: {stream.Length} bytes; expected at most {most}.");
            byte[] bytes = new byte[stream.Length];
            stream.ReadExactly(bytes);
            return bytes;
        }
        catch (IOException e)
        {
            throw Unreadable(path, e);
        }
    }

    /// <summary>Parses a JSON file whose root is an object; duplicate fields and deep nesting are refused.</summary>
    /// <exception cref="UserException">It cannot be read or is not such a file.</exception>
    internal static JsonDocument ReadJsonObject(string path, long most = 64 << 20)
    {
        byte[] bytes = ReadAll(path, most);
        var json = bytes.AsMemory(bytes.AsSpan().StartsWith("\uFEFF"u8) ? 3 : 0);
        try
        {
            var document = JsonDocument.Parse(
                json, new JsonDocumentOptions { MaxDepth = DeepestJson, AllowDuplicateProperties = false });
            if (document.RootElement.ValueKind == JsonValueKind.Object)
                return document;
            document.Dispose();
            throw new UserException($"{Quoted.Path(path)}: the JSON is not an object; expected {{ ... }}.");
        }
        // The search for duplicate fields throws the latter at half a surrogate pair ("\ud800").
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new UserException($"{Quoted.Path(path)}: not valid JSON ({Quoted.Line(e.Message)}).", e);
        }
    }

    internal static UserException Unreadable(string path, Exception e) =>
        new($"{Quoted.Path(path)}: cannot be read ({Quoted.Line(e.Message)}). Check its permissions.", e);
}
