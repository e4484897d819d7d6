using System.Text.Json;
using System.Text.Unicode;
using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>Opens files that the user named, and says in one line why one cannot be read.</summary>
public static class InputFile
{
    // Deeper than any file we read; a stack of brackets is refused before it costs anything.
    const int DeepestJson = 16;

    /// <summary>Opens an existing file for reading.</summary>
    /// <exception cref="UserException">It is missing, is a folder, or may not be read.</exception>
    public static FileStream Open(string path) => Open(path, FileShare.Read);

    /// <summary>Opens an existing file that may be shared, such as one that is still written.</summary>
    /// <exception cref="UserException">As <see cref="Open(string)"/>.</exception>
    public static FileStream Open(string path, FileShare share)
    {
        ArgumentNullException.ThrowIfNull(path);
        if (path.Length == 0)
            throw new UserException("a file's name is empty; expected a path");
        if (Directory.Exists(path))
            throw new UserException($"{Quoted.Path(path)}: is a folder; expected a file.");
        if (FileKind.NotAFile(path) is { } other)
            throw NoFile(path, other);
        try
        {
            var stream = new FileStream(path, FileMode.Open, FileAccess.Read, share);
            if (stream.CanSeek)
                return stream;
            stream.Dispose();
            throw NoFile(path, "a pipe"); // an open one, as a shell's <(...) gives
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new UserException($"{Quoted.Path(path)}: no such file. Check the path.", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException
            or NotSupportedException or ArgumentException) // a zero character in a path
        {
            throw Unreadable(path, e);
        }
    }

    /// <summary>Reads a whole file that should be small.</summary>
    /// <exception cref="UserException">It cannot be read or is longer than <paramref
    /// name="most"/>.</exception>
    public static byte[] ReadAll(string path, long most)
    {
        using FileStream stream = Open(path);
        try
        {
            if (stream.Length > most)
                throw new UserException($"{Quoted.Path(path)}: {stream.Length} bytes; expected at most "
                    + $"{most}.");
            byte[] bytes = new byte[stream.Length];
            stream.ReadExactly(bytes);
            return bytes;
        }
        catch (IOException e)
        {
            throw Unreadable(path, e);
        }
    }

    /// <summary>Reads a whole text file that should be small, without a byte-order mark.</summary>
    /// <exception cref="UserException">It cannot be read or is longer than <paramref
    /// name="most"/>.</exception>
    public static ReadOnlyMemory<byte> ReadText(string path, long most)
    {
        byte[] bytes = ReadAll(path, most);
        return bytes.AsMemory(bytes.AsSpan().StartsWith("\uFEFF"u8) ? 3 : 0);
    }

    /// <summary>Parses a JSON file whose root is an object. Duplicate fields, deep nesting and text that is
    /// no Unicode are refused here, so that no later look at the document can fail.</summary>
    /// <exception cref="UserException">It cannot be read or is not such a file.</exception>
    public static JsonDocument ReadJsonObject(string path, long most = 64 << 20)
    {
        ReadOnlyMemory<byte> json = ReadText(path, most);
        try
        {
            CheckText(json.Span);
            var document = JsonDocument.Parse(
                json, new JsonDocumentOptions { MaxDepth = DeepestJson, AllowDuplicateProperties = false });
            if (document.RootElement.ValueKind == JsonValueKind.Object)
                return document;
            document.Dispose();
            throw new UserException($"{Quoted.Path(path)}: the JSON is not an object; expected {{ ... }}.");
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            if (ForeignFile.Name(json.Span) is { } foreign)
                throw new UserException($"{Quoted.Path(path)}: is {foreign}", e);
            throw new UserException($"{Quoted.Path(path)}: not valid JSON ({Quoted.Line(e.Message)}).", e);
        }
    }

    // JsonDocument looks at text only when asked for it, and then throws InvalidOperationException for bytes
    // that are not UTF-8 and for half a surrogate pair.
    static void CheckText(ReadOnlySpan<byte> json)
    {
        if (!Utf8.IsValid(json))
            throw new JsonException("its text is not UTF-8");
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = DeepestJson });
        while (reader.Read())
            if (reader.TokenType is JsonTokenType.String or JsonTokenType.PropertyName
                && reader.ValueIsEscaped)
                reader.GetString();
    }

    static UserException NoFile(string path, string what) =>
        new($"{Quoted.Path(path)}: is {what}; expected a file, so write it to one.");

    internal static UserException Unreadable(string path, Exception e) =>
        new($"{Quoted.Path(path)}: cannot be read ({Quoted.Line(e.Message)}). Check its permissions.", e);
}
