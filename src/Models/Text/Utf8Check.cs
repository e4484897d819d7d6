using System.Text;
using System.Text.Unicode;
using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>Checks that a file read through a <see cref="FileWindow"/> is UTF-8, each byte once.</summary>
sealed class Utf8Check(string path)
{
    long _checked; // bytes from the file's beginning
    long _lines;   // line breaks among them

    /// <summary>
    /// Checks what the window shows and no earlier one did; a character that goes on behind the window waits.
    /// </summary>
    /// <exception cref="UserException">The file's line and byte where it is not UTF-8.</exception>
    internal void Check(FileWindow window)
    {
        ReadOnlySpan<byte> fresh = window.Bytes[(int)(_checked - window.Origin)..];
        if (!window.AtEnd)
            fresh = fresh[..^Unfinished(fresh)];
        if (!Utf8.IsValid(fresh))
            throw Bad(fresh);
        _checked += fresh.Length;
        _lines += fresh.Count((byte)'\n');
    }

    /// <summary>The bytes of a last character that has begun and not ended, 0 to 3.</summary>
    static int Unfinished(ReadOnlySpan<byte> text)
    {
        for (int n = 1; n <= Math.Min(3, text.Length); n++)
        {
            byte b = text[^n];
            if ((b & 0xC0) == 0x80)
                continue; // neither begins a character nor is one
            int length = b >= 0xF0 ? 4 : b >= 0xE0 ? 3 : b >= 0xC0 ? 2 : 1;
            return length > n ? n : 0;
        }
        return 0;
    }

    UserException Bad(ReadOnlySpan<byte> text)
    {
        int at = 0;
        while (Rune.DecodeFromUtf8(text[at..], out _, out int length) == System.Buffers.OperationStatus.Done)
            at += length;
        return new UserException($"{Quoted.Path(path)}: line {_lines + text[..at].Count((byte)'\n') + 1}, "
            + $"byte {_checked + at} of the file, is not UTF-8; save the text as UTF-8.");
    }
}
