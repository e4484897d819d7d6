using System.Runtime.InteropServices;
using System.Text;
using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>
/// Learns a byte-level BPE vocabulary (Sennrich et al., 2016; bytes as in Radford et al., 2019): start from
/// the 256 bytes and, again and again, make a token of the pair of neighbours that occurs most often inside
/// words.
/// </summary>
/// <remarks>
/// A pair's count is the number of places where its two tokens are neighbours, so "aaa" holds (a, a) twice.
/// Of pairs with equal counts the one with the lower left id wins, then the one with the lower right id: the
/// result depends on the text only, not on its order, and is the same on every machine.
/// </remarks>
public static class BpeTrainer
{
    const int Bytes = 256;

    /// <summary>Learns a vocabulary.</summary>
    /// <param name="documents">Texts; a special token's text in them is skipped.</param>
    /// <param name="vocabSize">Tokens wanted, bytes and special tokens included. Fewer come back when no
    /// pair is left that occurs <paramref name="minimumCount"/> times.</param>
    /// <param name="specialTokens">Get the last ids, in this order (GPT-2's &lt;|endoftext|&gt; is
    /// last).</param>
    /// <param name="progress">Called with (tokens so far, tokens wanted) after every merge, or null.</param>
    /// <param name="minimumCount">A pair that occurs less often is not worth a token.</param>
    /// <exception cref="UserException"><paramref name="vocabSize"/> has no room for the bytes and special
    /// tokens.</exception>
    public static BpeVocabulary Train(
        IEnumerable<string> documents, int vocabSize, IReadOnlyList<string> specialTokens,
        Action<int, int>? progress = null, int minimumCount = 2)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(minimumCount);
        long wanted = (long)vocabSize - specialTokens.Count;
        if (wanted < Bytes)
            throw new UserException($"A vocabulary of {Counted.Of(vocabSize, "token")} is too small; "
                + "expected at least "
                + $"{Bytes + specialTokens.Count}: one for each byte and each special token.");

        List<string> tokens = [.. ByteAlphabet.TokenOrder.Select(b => ByteAlphabet.Spell(b).ToString())];
        var ids = tokens.Select((token, id) => (token, id)).ToDictionary(t => t.token, t => t.id);
        var merges = new List<(string, string)>();
        var known = new HashSet<(int, int)>();
        var pairs = new PairCounts(Words(documents, specialTokens));
        while (tokens.Count < wanted && pairs.TakeMostFrequent(minimumCount) is var (left, right))
        {
            string joined = tokens[left] + tokens[right];
            if (specialTokens.Contains(joined))
                continue; // text must never encode to a special token
            // "a" + "bc" after "ab" + "c" makes no new token, but it is a new merge; and a merge may be due a
            // second time where such a one has put its tokens side by side again.
            if (ids.TryAdd(joined, tokens.Count))
                tokens.Add(joined);
            if (known.Add((left, right)))
                merges.Add((tokens[left], tokens[right]));
            pairs.Merge(left, right, ids[joined]);
            progress?.Invoke(tokens.Count + specialTokens.Count, vocabSize);
        }
        return BpeVocabulary.Create([.. tokens, .. specialTokens], merges, specialTokens);
    }

    /// <summary>Each different word as byte-token ids, with how often it occurs.</summary>
    static IEnumerable<(int[] Symbols, long Count)> Words(
        IEnumerable<string> documents, IReadOnlyList<string> specialTokens)
    {
        var special = new SpecialTokens(specialTokens.Select((token, i) => (token, i)));
        var counts = new Dictionary<string, long>(StringComparer.Ordinal);
        var lookup = counts.GetAlternateLookup<ReadOnlySpan<char>>();
        foreach (string document in documents)
        {
            string text = ByteBpeTokenizer.WithoutLoneSurrogates(document);
            for (int start = 0; start <= text.Length;)
            {
                (int index, int length, _) = special.Next(text, start);
                int stop = index < 0 ? text.Length : index;
                while (start < stop)
                {
                    int end = start + Gpt2PreTokenizer.WordEnd(text.AsSpan(start, stop - start), 0);
                    ReadOnlySpan<char> word = text.AsSpan(start, end - start);
                    CollectionsMarshal.GetValueRefOrAddDefault(lookup, word, out _)++;
                    start = end;
                }
                start = index < 0 ? text.Length + 1 : stop + length;
            }
        }

        var idOfByte = new int[Bytes];
        for (int id = 0; id < Bytes; id++)
            idOfByte[ByteAlphabet.TokenOrder[id]] = id;
        return counts.Select(word => (
            Encoding.UTF8.GetBytes(word.Key).Select(b => idOfByte[b]).ToArray(), word.Value));
    }
}
