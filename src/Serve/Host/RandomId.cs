using System.Buffers;
using System.Security.Cryptography;

namespace HeadTap.Serve;

/// <summary>Names that nobody can guess: a prefix and 128 random bits.</summary>
static class RandomId
{
    const int Digits = 32;

    static readonly SearchValues<char> s_digits = SearchValues.Create("0123456789abcdef");

    internal static string Of(string prefix)
        => prefix + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(Digits / 2));

    /// <summary>Whether a text could be such a name; nothing else ever becomes part of a path.</summary>
    internal static bool IsOne(string text, string prefix) => text.Length == prefix.Length + Digits
        && text.StartsWith(prefix, StringComparison.Ordinal)
        && text.AsSpan(prefix.Length).IndexOfAnyExcept(s_digits) < 0;
}
