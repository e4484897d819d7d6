using System.Buffers.Binary;
using System.Text;

namespace HeadTap.Models;

/// <summary>
/// Calls files by their name that people put where another is expected: pointers, error pages, checkpoints
/// of other programs.
/// </summary>
static class ForeignFile
{
    const int StartBytes = 256;
    const uint LlmcModel = 20240326; // llm.c's first word; its optimiser states have the next number

    const string FromPyTorch =
        "; load it in PyTorch and write it with save_pretrained or safetensors.torch.save_file";

    /// <summary>What a file is and what to do; null if it cannot be read or is nothing known.</summary>
    internal static string? Name(string path)
    {
        if (FileKind.NotAFile(path) is not null)
            return null;
        try
        {
            using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            byte[] start = new byte[StartBytes];
            return stream.CanSeek ? Name(start.AsSpan(0, stream.ReadAtLeast(start, StartBytes, false)))
                : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            return null;
        }
    }

    /// <summary>What a file is by its first bytes, and what to do; null if it is nothing known.</summary>
    internal static string? Name(ReadOnlySpan<byte> start)
    {
        if (start.StartsWith("version https://git-lfs"u8))
            return "a git-lfs pointer and not the file itself; run git lfs pull in the clone it is from";
        if (IsHtml(start))
            return "an HTML page, such as an error or a login page, and not the file itself; fetch it again";
        if (start.StartsWith("GGUF"u8) || start.StartsWith("lmgg"u8) || start.StartsWith("tjgg"u8))
            return "a GGUF file of llama.cpp, which is not read; use the safetensors folder it was made from";
        if (start.StartsWith("PK\x03\x04"u8))
            return "a zip archive, such as PyTorch's .bin, .pt and .pth, which is not read" + FromPyTorch;
        if (start.Length >= 2 && start[0] == 0x80 && start[1] is >= 2 and <= 5)
            return "a Python pickle, such as PyTorch's .bin and .pt, which is not read" + FromPyTorch;
        if (start.Length >= 4 && BinaryPrimitives.ReadUInt32LittleEndian(start) is LlmcModel or LlmcModel + 1)
            return "a checkpoint of llm.c, which is not read; convert it with llm.c's dev/eval/export_hf.py";
        if (start.Length >= 4 && start[0] == 0x89 && start[1..].StartsWith("HDF"u8))
            return "an HDF5 file, as Keras writes, which is not read; use a safetensors folder";
        return null;
    }

    static bool IsHtml(ReadOnlySpan<byte> start)
    {
        string text = Encoding.Latin1.GetString(start)
            .TrimStart('\u00EF', '\u00BB', '\u00BF', ' ', '\r', '\n', '\t');
        return text.StartsWith("<!doctype html", StringComparison.OrdinalIgnoreCase)
            || text.StartsWith("<html", StringComparison.OrdinalIgnoreCase)
            || text.StartsWith("<?xml", StringComparison.OrdinalIgnoreCase);
    }
}
