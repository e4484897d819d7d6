using System.Security.Cryptography;
using System.Text;
using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>Digests of files, in small hexadecimal letters.</summary>
public static class FileHash
{
    /// <summary>SHA-256 of files, one after the other: <c>cat FILES | sha256sum</c>.</summary>
    /// <exception cref="UserException">A file cannot be read.</exception>
    public static string Sha256(params IEnumerable<string> paths)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (string path in paths)
            Append(hash, path);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>The name that git gives to a file's content: SHA-1 of <c>blob LENGTH\0</c> and the
    /// bytes.</summary>
    /// <exception cref="UserException">The file cannot be read.</exception>
    public static string GitBlob(string path)
    {
        // The Hugging Face hub names small files this way; the digest guards against damage, not against
        // malice.
#pragma warning disable CA5350
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA1);
#pragma warning restore CA5350
        hash.AppendData(Encoding.ASCII.GetBytes($"blob {new FileInfo(path).Length}\0"));
        Append(hash, path);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    static void Append(IncrementalHash hash, string path)
    {
        using FileStream stream = InputFile.Open(path);
        byte[] buffer = new byte[1 << 20];
        try
        {
            for (int read; (read = stream.Read(buffer)) > 0;)
                hash.AppendData(buffer.AsSpan(0, read));
        }
        catch (IOException e)
        {
            throw InputFile.Unreadable(path, e);
        }
    }
}
