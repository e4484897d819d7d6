namespace HeadTap.Serve;

/// <summary>A file of a key.</summary>
/// <param name="Id">Its random name, <c>file-…</c>.</param>
/// <param name="Bytes">Length.</param>
/// <param name="CreatedAt">When it was stored, in seconds since 1970 (UTC).</param>
/// <param name="FileName">Its name at the user's.</param>
/// <param name="Purpose"><c>batch</c>, <c>batch_output</c>, <c>tensors</c> …</param>
/// <param name="Sha256">SHA-256 of the content, in small hexadecimal letters.</param>
public sealed record StoredFile(
    string Id, long Bytes, long CreatedAt, string FileName, string Purpose, string Sha256);

/// <summary>The files of all keys, under one folder. Safe for any thread.</summary>
public sealed class FileStore
{
    FileStore()
    {
    }

    /// <summary>Opens a store; makes its folder.</summary>
    /// <param name="folder">The server's data folder.</param>
    /// <param name="maxFileBytes">Longest file, in bytes.</param>
    /// <param name="maxKeyBytes">What all files of one key may take, in bytes.</param>
    /// <exception cref="Runtime.UserException">The folder cannot be written.</exception>
    public static FileStore Open(string folder, long maxFileBytes = 200 << 20, long maxKeyBytes = 10L << 30)
        => throw new NotImplementedException();

    /// <summary>A file of a key.</summary>
    /// <exception cref="ApiError">404: this key has no such file.</exception>
    public StoredFile Find(Caller caller, string id) => throw new NotImplementedException();

    /// <summary>The path of a file's content, to read.</summary>
    /// <exception cref="ApiError">404: this key has no such file.</exception>
    public string PathOf(Caller caller, string id) => throw new NotImplementedException();

    /// <summary>Stores a file.</summary>
    /// <param name="caller">Whose it is.</param>
    /// <param name="fileName">Its name, told again when it is listed; no part of a path here.</param>
    /// <param name="purpose">What it is for.</param>
    /// <param name="write">Writes the content.</param>
    /// <exception cref="ApiError">413: too long, or more than the key may have.</exception>
    public Task<StoredFile> Add(Caller caller, string fileName, string purpose, Func<Stream, Task> write)
        => throw new NotImplementedException();
}
