using System.Text.Json;

namespace HeadTap.Jobs;

/// <summary>The file that has a reply's tensors.</summary>
/// <param name="Id">Its name at the server, <c>file-…</c>.</param>
/// <param name="Bytes">Its length.</param>
/// <param name="Sha256">SHA-256 of its bytes, in small hexadecimal letters.</param>
public sealed record AccessFile(string Id, long Bytes, string Sha256)
{
    /// <summary>Writes <c>"tensors": {"file", "bytes", "sha256"}</c> into an object.</summary>
    public void Write(Utf8JsonWriter json)
    {
        ArgumentNullException.ThrowIfNull(json);
        json.WriteStartObject("tensors"u8);
        json.WriteString("file"u8, Id);
        json.WriteNumber("bytes"u8, Bytes);
        json.WriteString("sha256"u8, Sha256);
        json.WriteEndObject();
    }
}
