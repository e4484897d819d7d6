using System.Globalization;

namespace HeadTap.Unlearn;

/// <summary>
/// The 14 tokens of TinyMem's mathematics: a digit is its own id, then "^", "$", a space and padding.
/// </summary>
public static class MathAlphabet
{
    /// <summary>"^", the token that begins a sequence.</summary>
    public const int Bos = 10;

    /// <summary>"$", the token that ends a sequence.</summary>
    public const int Eos = 11;

    /// <summary>The token between two numbers.</summary>
    public const int Space = 12;

    /// <summary>The token that fills a row after its end.</summary>
    public const int Pad = 13;

    /// <summary>Size of the vocabulary, V.</summary>
    public const int Size = 14;

    /// <summary>Encodes numbers as the ids of a sequence such as "^12 84 588$".</summary>
    public static int[] Encode(IEnumerable<int> numbers)
    {
        var ids = new List<int> { Bos };
        foreach (int number in numbers)
        {
            if (ids.Count > 1)
                ids.Add(Space);
            ids.AddRange(Digits(number));
        }
        ids.Add(Eos);
        return [.. ids];
    }

    /// <summary>Returns the digits of a number; at least 0.</summary>
    public static int[] Digits(int number)
        => [.. number.ToString(CultureInfo.InvariantCulture).Select(c => c - '0')];

    /// <summary>Returns ids as readable text.</summary>
    public static string Text(IEnumerable<int> ids)
        => string.Concat(ids.Select(id => id is >= 0 and < Size ? "0123456789^$ _"[id] : '?'));

    /// <summary>Returns a row, padded to a length.</summary>
    public static int[] Padded(int[] ids, int length)
    {
        ArgumentNullException.ThrowIfNull(ids);
        int[] padded = new int[Math.Max(length, ids.Length)];
        Array.Fill(padded, Pad);
        ids.CopyTo(padded, 0);
        return padded;
    }
}
