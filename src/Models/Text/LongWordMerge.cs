using System.Text;

namespace HeadTap.Models;

/// <summary>
/// Merges the bytes of one word in O(n log n). Microsoft's tokenizer takes the joined symbols out of an
/// array one by one: a word of 40,000 Chinese characters takes it 2 s, of 160,000 34 s, and a hostile text
/// hangs the program. Words up to <see cref="LongestOrdinary"/> characters go there, longer ones come here;
/// the ids are the same (ByteBpeTokenizerTests sends every hard string both ways).
/// </summary>
sealed class LongWordMerge
{
    /// <summary>Characters in a word that Microsoft's tokenizer merges in well under a millisecond.</summary>
    internal const int LongestOrdinary = 512;

    readonly int[] _byteIds = new int[256];
    readonly Dictionary<(int Left, int Right), (int Rank, int Id)> _merges = [];

    internal LongWordMerge(BpeVocabulary vocabulary)
    {
        Dictionary<string, int> ids = vocabulary.Ids();
        for (int b = 0; b < 256; b++)
            _byteIds[b] = ids.GetValueOrDefault(ByteAlphabet.Spell((byte)b).ToString(), -1);
        foreach ((string left, string right) in vocabulary.Merges)
            _merges.Add((ids[left], ids[right]), (_merges.Count, ids[left + right]));
    }

    /// <summary>Adds the word's ids to <paramref name="ids"/>.</summary>
    internal void Encode(ReadOnlySpan<char> word, List<int> ids)
    {
        int[] symbols = [.. Encoding.UTF8.GetBytes(word.ToString()).Select(b => _byteIds[b])];
        int[] next = [.. Enumerable.Range(1, symbols.Length)];
        int[] previous = [.. Enumerable.Range(-1, symbols.Length)];
        var queue = new PriorityQueue<(int At, int Left, int Right), (int Rank, int At)>();
        for (int i = 0; i < symbols.Length; i++)
            Offer(i);

        while (queue.TryDequeue(out var pair, out _))
        {
            int right = next[pair.At];
            // An entry whose symbols were joined with others meanwhile is no longer true.
            if (symbols[pair.At] != pair.Left || right == symbols.Length || symbols[right] != pair.Right)
                continue;
            symbols[pair.At] = _merges[(pair.Left, pair.Right)].Id;
            symbols[right] = -1;
            next[pair.At] = next[right];
            if (next[right] < symbols.Length)
                previous[next[right]] = pair.At;
            Offer(pair.At);
            if (previous[pair.At] >= 0)
                Offer(previous[pair.At]);
        }

        foreach (int symbol in symbols)
            if (symbol >= 0)
                ids.Add(symbol);

        void Offer(int at)
        {
            if (next[at] == symbols.Length)
                return;
            (int left, int right) = (symbols[at], symbols[next[at]]);
            if (_merges.TryGetValue((left, right), out var merge))
                queue.Enqueue((at, left, right), (merge.Rank, at));
        }
    }
}
