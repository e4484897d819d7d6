using System.Globalization;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Lists of numbers as job arrays write them: <c>3,7-9,41</c>.</summary>
static class CellRanges
{
    /// <summary>Reads a list.</summary>
    /// <param name="text">Numbers and ranges with commas between.</param>
    /// <param name="option">Option that holds it, for the message.</param>
    /// <param name="count">Number of what is counted: the largest number is one less.</param>
    /// <param name="what">What is counted, for the message: "8 cells".</param>
    /// <returns>The numbers, ascending, each once.</returns>
    /// <exception cref="UserException">The text is no such list, or a number is out of range.</exception>
    internal static int[] Parse(string text, string option, int count, string what)
    {
        var found = new SortedSet<int>();
        foreach (string part in text.Split(','))
        {
            string[] ends = part.Split('-');
            if (ends.Length > 2 || !Number(ends[0], out int from) || !Number(ends[^1], out int to)
                || from > to)
                throw new UserException($"{Field.Of(option)} is {Quoted.Name(text)}; expected numbers and "
                    + "ranges from 0 such as 3,7-9");
            if (to >= count)
                throw new UserException(
                    $"{Field.Of(option)} has {to}; expected 0 to {count - 1}, for {what}");
            found.UnionWith(Enumerable.Range(from, to - from + 1));
        }
        return [.. found];
    }

    /// <summary>Writes a list as short as it can be.</summary>
    /// <param name="numbers">Ascending, none twice.</param>
    internal static string Text(IReadOnlyList<int> numbers)
    {
        var parts = new List<string>();
        for (int i = 0; i < numbers.Count;)
        {
            int first = i;
            while (++i < numbers.Count && numbers[i] == numbers[i - 1] + 1)
                continue;
            parts.Add(first == i - 1 ? $"{numbers[first]}" : $"{numbers[first]}-{numbers[i - 1]}");
        }
        return string.Join(',', parts);
    }

    static bool Number(string text, out int value)
        => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value);
}
