using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Serve;

/// <summary>A file of a key.</summary>
/// <param name="Id">Its random name, <c>file-…</c>.</param>
/// <param name="Bytes">Length.</param>
/// <param name="CreatedAt">When it was stored, in seconds since 1970 (UTC).</param>
/// <param name="FileName">Its name at the user's.</param>
/// <param name="Purpose"><c>batch</c>, <c>batch_output</c>, <c>tensors</c> …</param>
/// <param name="Sha256">SHA-256 of the content, in small hexadecimal letters.</param>
public sealed record StoredFile(
    string Id, long Bytes, long CreatedAt, string FileName, string Purpose, string Sha256)
{
    /// <summary>The object of <c>/v1/files</c>.</summary>
    public JsonObject ToJson() => new()
    {
        ["id"] = Id,
        ["object"] = "file",
        ["bytes"] = Bytes,
        ["created_at"] = CreatedAt,
        ["filename"] = FileName,
        ["purpose"] = Purpose,
        ["status"] = "processed",
        ["headtap"] = new JsonObject { ["sha256"] = Sha256 },
    };
}

/// <summary>
/// The files of all keys, under one folder: <c>files/ID/content</c> and beside it <c>about.json</c>. A file
/// is there whole or not at all, and only its own key sees it. Safe for any thread.
/// </summary>
public sealed class FileStore
{
    const string IdPrefix = "file-";
    const string Unfinished = ".tmp";
    const string Content = "content";
    const string About = "about.json";

    readonly string _folder;
    readonly long _maxFileBytes, _maxKeyBytes;
    readonly ConcurrentDictionary<string, (string Owner, StoredFile File)> _files =
        new(StringComparer.Ordinal);
    readonly Dictionary<string, long> _used = new(StringComparer.Ordinal);
    readonly Lock _lock = new();

    FileStore(string folder, long maxFileBytes, long maxKeyBytes)
        => (_folder, _maxFileBytes, _maxKeyBytes) = (folder, maxFileBytes, maxKeyBytes);

    /// <summary>Opens a store; makes its folder. What a killed server left half-written is removed.</summary>
    /// <param name="folder">The server's data folder.</param>
    /// <param name="maxFileBytes">Longest file, in bytes.</param>
    /// <param name="maxKeyBytes">What all files of one key may take, in bytes.</param>
    /// <exception cref="UserException">The folder cannot be written.</exception>
    public static FileStore Open(string folder, long maxFileBytes = 200 << 20, long maxKeyBytes = 10L << 30)
    {
        ArgumentNullException.ThrowIfNull(folder);
        var store = new FileStore(Path.Combine(Path.GetFullPath(folder), "files"), maxFileBytes, maxKeyBytes);
        try
        {
            Directory.CreateDirectory(store._folder);
            foreach (string path in Directory.EnumerateDirectories(store._folder))
                if (path.EndsWith(Unfinished, StringComparison.Ordinal))
                    Directory.Delete(path, recursive: true);
                else if (RandomId.IsOne(Path.GetFileName(path), IdPrefix))
                    store.Load(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UserException(
                $"{Quoted.Path(folder)}: cannot be used for files ({Quoted.Line(e.Message)})", e);
        }
        return store;
    }

    /// <summary>The files of a key, newest first.</summary>
    public IReadOnlyList<StoredFile> List(Caller caller)
    {
        ArgumentNullException.ThrowIfNull(caller);
        return [.. _files.Values.Where(f => f.Owner == caller.Name).Select(f => f.File)
            .OrderByDescending(f => f.CreatedAt).ThenByDescending(f => f.Id, StringComparer.Ordinal)];
    }

    /// <summary>A file of a key.</summary>
    /// <exception cref="ApiError">404: this key has no such file.</exception>
    public StoredFile Find(Caller caller, string id)
    {
        ArgumentNullException.ThrowIfNull(caller);
        ArgumentNullException.ThrowIfNull(id);
        // Another key's file and none at all are answered alike.
        return RandomId.IsOne(id, IdPrefix)
            && _files.TryGetValue(id, out (string Owner, StoredFile File) file) && file.Owner == caller.Name
            ? file.File
            : throw new ApiError(404, $"there is no file {Quoted.Name(id)}", param: "file_id",
                code: "file_not_found");
    }

    /// <summary>The path of a file's content, to read.</summary>
    /// <exception cref="ApiError">404: this key has no such file.</exception>
    public string PathOf(Caller caller, string id) => Path.Combine(_folder, Find(caller, id).Id, Content);

    /// <summary>Refuses a file that would not fit, before it is made.</summary>
    /// <param name="caller">Whose it would be.</param>
    /// <param name="bytes">Its least length.</param>
    /// <exception cref="ApiError">413: too long, or more than the key may have.</exception>
    public void RequireRoom(Caller caller, long bytes)
    {
        ArgumentNullException.ThrowIfNull(caller);
        if (bytes > _maxFileBytes)
            throw TooLong();
        lock (_lock)
            RequireShare(_used.GetValueOrDefault(caller.Name) + bytes);
    }

    /// <summary>Stores a file.</summary>
    /// <param name="caller">Whose it is.</param>
    /// <param name="fileName">Its name, told again when it is listed; no part of a path here.</param>
    /// <param name="purpose">What it is for.</param>
    /// <param name="write">Writes the content.</param>
    /// <exception cref="ApiError">413: too long, or more than the key may have.</exception>
    public async Task<StoredFile> Add(
        Caller caller, string fileName, string purpose, Func<Stream, Task> write)
    {
        ArgumentNullException.ThrowIfNull(write);
        StoredFile? stored = null;
        await Add(caller, async content =>
        {
            await write(content);
            return (fileName, purpose);
        }, file => stored = file);
        return stored!;
    }

    /// <summary>As <see cref="Add(Caller, string, string, Func{Stream, Task})"/>; name and purpose are known
    /// once the content is written, as in a form.</summary>
    internal async Task Add(
        Caller caller, Func<Stream, Task<(string Name, string Purpose)>> write, Action<StoredFile> stored)
    {
        string id = RandomId.Of(IdPrefix), final = Path.Combine(_folder, id), folder = final + Unfinished;
        Directory.CreateDirectory(folder);
        try
        {
            (string name, string purpose, long bytes, string hash) =
                await WriteContent(caller, folder, write);
            long now = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
            var file = new StoredFile(id, bytes, now, name, purpose, hash);
            JsonObject about = file.ToJson();
            about["owner"] = caller.Name;
            AtomicFile.WriteText(Path.Combine(folder, About), about.ToJsonString(JsonText.Indented) + "\n");
            Directory.Move(folder, final);
            _files[id] = (caller.Name, file);
            stored(file);
        }
        catch
        {
            Directory.Delete(folder, recursive: true);
            throw;
        }
    }

    /// <summary>Removes a file of a key.</summary>
    /// <exception cref="ApiError">404: this key has no such file.</exception>
    public void Delete(Caller caller, string id)
    {
        StoredFile file = Find(caller, id);
        if (!_files.TryRemove(id, out _))
            return;
        Use(caller.Name, -file.Bytes);
        // By its unfinished name: a folder that cannot be removed whole goes at the next start.
        string final = Path.Combine(_folder, file.Id);
        Directory.Move(final, final + Unfinished);
        Directory.Delete(final + Unfinished, recursive: true);
    }

    async Task<(string Name, string Purpose, long Bytes, string Hash)> WriteContent(
        Caller caller, string folder, Func<Stream, Task<(string Name, string Purpose)>> write)
    {
        long counted = 0;
        try
        {
            using var file = new FileStream(Path.Combine(folder, Content), FileMode.CreateNew);
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            await using var content = new CountedStream(file, hash, bytes =>
            {
                if (file.Length + bytes > _maxFileBytes)
                    throw TooLong();
                Use(caller.Name, bytes);
                counted += bytes;
            });
            (string name, string purpose) = await write(content);
            file.Flush(flushToDisk: true);
            return (name, purpose, counted, Convert.ToHexStringLower(hash.GetHashAndReset()));
        }
        catch
        {
            Use(caller.Name, -counted);
            throw;
        }
    }

    void Use(string owner, long bytes)
    {
        lock (_lock)
        {
            long used = _used.GetValueOrDefault(owner) + bytes;
            if (bytes > 0)
                RequireShare(used);
            _used[owner] = used;
        }
    }

    void RequireShare(long used)
    {
        if (used > _maxKeyBytes)
            throw new ApiError(413,
                $"all files of this key would have more than {_maxKeyBytes} bytes; delete some",
                code: "storage_full");
    }

    ApiError TooLong()
        => new(413, $"the file is longer than {_maxFileBytes} bytes", code: "file_too_large");

    void Load(string path)
    {
        try
        {
            using JsonDocument about = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(path, About)));
            JsonElement root = about.RootElement;
            var file = new StoredFile(Path.GetFileName(path),
                new FileInfo(Path.Combine(path, Content)).Length,
                root.GetProperty("created_at").GetInt64(), root.GetProperty("filename").GetString()!,
                root.GetProperty("purpose").GetString()!,
                root.GetProperty("headtap").GetProperty("sha256").GetString()!);
            string owner = root.GetProperty("owner").GetString()!;
            _files[file.Id] = (owner, file);
            _used[owner] = _used.GetValueOrDefault(owner) + file.Bytes;
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException
            or FileNotFoundException)
        {
            throw new IOException($"{path} is damaged: {e.Message}", e);
        }
    }
}
