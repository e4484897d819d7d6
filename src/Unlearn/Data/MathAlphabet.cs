using System.Globalization;

namespace HeadTap.Unlearn;

/// <summary>
/// The 14 tokens of TinyMem's mathematics: a digit is its own id, then "^", "$", a space and padding.
/// </summary>
public static class MathAlphabet
{
    /// <summary>"^" begins a sequence.</summary>
    public const int Bos = 10;

    /// <summary>"$" ends it.</summary>
    public const int Eos = 11;

    /// <summary>Between numbers.</summary>
    public const int Space = 12;

    /// <summary>After the end.</summary>
    public const int Pad = 13;

    /// <summary>V.</summary>
    public const int Size = 14;

    /// <summary>"^12 84 588$" as ids.</summary>
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

    /// <summary>The digits of a number of 0 or more.</summary>
    public static int[] Digits(int number)
        => [.. number.ToString(CultureInfo.InvariantCulture).Select(c => c - '0')];

    /// <summary>Ids as text, for people.</summary>
    public static string Text(IEnumerable<int> ids)
        => string.Concat(ids.Select(id => id is >= 0 and < Size ? "0123456789^$ _"[id] : '?'));

    /// <summary>A row with padding up to a length.</summary>
    public static int[] Padded(int[] ids, int length)
    {
        ArgumentNullException.ThrowIfNull(ids);
        int[] padded = new int[Math.Max(length, ids.Length)];
        Array.Fill(padded, Pad);
        ids.CopyTo(padded, 0);
        return padded;
    }
}
