using System.Text;

namespace HeadTap.Models;

/// <summary>
/// GPT-2's spelling of bytes as printable characters, in which vocab.json and merges.txt are written:
/// 188 printable Latin-1 bytes stand for themselves, the other 68 are U+0100, U+0101, … in byte order.
/// </summary>
static class ByteAlphabet
{
    static readonly char[] Spelling = new char[256];
    static readonly short[] ByteOf = new short[256 + 68];

    /// <summary>
    /// The bytes in the order in which GPT-2 numbers their tokens: 33–126, 161–172, 174–255, the rest.
    /// </summary>
    internal static byte[] TokenOrder { get; } = new byte[256];

    static ByteAlphabet()
    {
        Array.Fill(ByteOf, (short)-1);
        int printable = 0;
        int other = 0;
        for (int b = 0; b < 256; b++)
        {
            bool isPrintable = b is >= 33 and <= 126 or >= 161 and <= 172 or >= 174;
            Spelling[b] = (char)(isPrintable ? b : 256 + other);
            ByteOf[Spelling[b]] = (short)b;
            TokenOrder[isPrintable ? printable++ : 188 + other++] = (byte)b;
        }
    }

    /// <summary>The character for a byte.</summary>
    internal static char Spell(byte value) => Spelling[value];

    /// <summary>The token that spells these bytes.</summary>
    internal static string Spell(ReadOnlySpan<byte> bytes)
    {
        var spelled = new StringBuilder(bytes.Length);
        foreach (byte b in bytes)
            spelled.Append(Spelling[b]);
        return spelled.ToString();
    }

    /// <summary>The bytes a token stands for, or null when a character is not in the alphabet.</summary>
    internal static byte[]? Bytes(string token)
    {
        var bytes = new byte[token.Length];
        for (int i = 0; i < token.Length; i++)
        {
            if (token[i] >= ByteOf.Length || ByteOf[token[i]] < 0)
                return null;
            bytes[i] = (byte)ByteOf[token[i]];
        }
        return bytes;
    }
}
