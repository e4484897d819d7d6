using System.Security.Cryptography;
using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>
/// A moving part of a file that is read once from its beginning to its end, and the hash of what went by.
/// Grows only when asked to keep all it holds.
/// </summary>
sealed class FileWindow : IDisposable
{
    readonly FileStream _file;
    readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    byte[] _bytes;
    int _filled;

    /// <summary>The first <paramref name="bytes"/> of a file.</summary>
    /// <exception cref="UserException">It cannot be read.</exception>
    internal FileWindow(string path, int bytes)
    {
        _file = InputFile.Open(path);
        _bytes = new byte[bytes];
        Fill();
    }

    /// <summary>Where in the file the window begins.</summary>
    internal long Origin { get; private set; }

    /// <summary>Whether the window ends where the file ends.</summary>
    internal bool AtEnd { get; private set; }

    /// <summary>What the window shows.</summary>
    internal ReadOnlyMemory<byte> Memory => _bytes.AsMemory(0, _filled);

    /// <summary>What the window shows.</summary>
    internal ReadOnlySpan<byte> Bytes => _bytes.AsSpan(0, _filled);

    /// <summary>When the file was written last.</summary>
    internal DateTime Written => File.GetLastWriteTimeUtc(_file.SafeFileHandle);

    /// <summary>SHA-256 of all bytes up to the window's end, 64 hexadecimal digits.</summary>
    internal string Hash => Convert.ToHexStringLower(_hash.GetCurrentHash());

    /// <summary>
    /// Forgets the first <paramref name="forget"/> bytes and reads on; with 0, the window doubles.
    /// </summary>
    internal void Advance(int forget)
    {
        if (forget == 0 && _filled == _bytes.Length)
            Array.Resize(ref _bytes, checked(2 * _bytes.Length));
        _bytes.AsSpan(forget.._filled).CopyTo(_bytes);
        _filled -= forget;
        Origin += forget;
        Fill();
    }

    public void Dispose()
    {
        _file.Dispose();
        _hash.Dispose();
    }

    void Fill()
    {
        Span<byte> free = _bytes.AsSpan(_filled);
        int read = _file.ReadAtLeast(free, free.Length, throwOnEndOfStream: false);
        AtEnd = read < free.Length;
        _hash.AppendData(free[..read]);
        _filled += read;
    }
}
