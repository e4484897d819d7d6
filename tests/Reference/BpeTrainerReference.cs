using System.Text;

namespace HeadTap.Reference;

/// <summary>
/// BPE training by the book: before every merge, count all pairs of all words from nothing. Highest count
/// first, then the lower left id, then the lower right id.
/// </summary>
public static class BpeTrainerReference
{
    /// <summary>The merges as token strings; <paramref name="byteTokens"/> has the 256 byte tokens by id, and
    /// <paramref name="spell"/> gives a byte's token.</summary>
    public static List<(string, string)> Merges(
        string text, int mergeCount, int minimumCount, IEnumerable<string> byteTokens,
        Func<byte, string> spell)
    {
        List<List<string>> words = BpeReference.Cut(text)
            .Select(word => Encoding.UTF8.GetBytes(word).Select(spell).ToList()).ToList();
        List<string> tokens = byteTokens.ToList();
        var merges = new List<(string, string)>();
        while (merges.Count < mergeCount)
        {
            var counts = new Dictionary<(string L, string R), int>();
            foreach (List<string> word in words)
                for (int i = 0; i + 1 < word.Count; i++)
                    counts[(word[i], word[i + 1])] = counts.GetValueOrDefault((word[i], word[i + 1])) + 1;
            var best = counts.Where(c => c.Value >= minimumCount).OrderByDescending(c => c.Value)
                .ThenBy(c => tokens.IndexOf(c.Key.L)).ThenBy(c => tokens.IndexOf(c.Key.R)).Take(1).ToList();
            if (best.Count == 0)
                break;
            (string left, string right) = best[0].Key;
            if (!tokens.Contains(left + right))
                tokens.Add(left + right);
            if (!merges.Contains((left, right)))
                merges.Add((left, right));
            foreach (List<string> word in words)
                for (int i = 0; i + 1 < word.Count; i++)
                    if (word[i] == left && word[i + 1] == right)
                    {
                        word[i] += right;
                        word.RemoveAt(i + 1);
                    }
        }
        return merges;
    }
}
