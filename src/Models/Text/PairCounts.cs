using System.Runtime.InteropServices;

namespace HeadTap.Models;

/// <summary>
/// How often each pair of neighbouring tokens occurs in a set of words, kept up to date while pairs are
/// merged: a merge touches only the words that hold the pair.
/// </summary>
sealed class PairCounts
{
    readonly int[][] _words;
    readonly long[] _wordCounts;
    readonly Dictionary<(int Left, int Right), long> _counts = [];
    readonly Dictionary<(int Left, int Right), HashSet<int>> _wordsOf = []; // and words that lost it

    // Each pair has an entry that is at least its count: one is added when the count grows, and an entry
    // that is found too high is put back lower. So the first true entry is the most frequent pair.
    readonly PriorityQueue<(int Left, int Right), (long MinusCount, int Left, int Right)> _queue = new();
    readonly HashSet<(int Left, int Right)> _grown = [];

    internal PairCounts(IEnumerable<(int[] Symbols, long Count)> words)
    {
        (int[] Symbols, long Count)[] all = [.. words];
        _words = [.. all.Select(word => word.Symbols)];
        _wordCounts = [.. all.Select(word => word.Count)];
        for (int w = 0; w < _words.Length; w++)
            Count(w, +1);
        QueueGrown();
    }

    /// <summary>
    /// Takes out the pair with the highest count, ties by lower left id, then lower right id; null when none
    /// occurs <paramref name="minimum"/> times.
    /// </summary>
    internal (int Left, int Right)? TakeMostFrequent(int minimum)
    {
        while (_queue.TryDequeue(out var pair, out var entry))
        {
            long count = _counts.GetValueOrDefault(pair);
            if (count < minimum)
                continue;
            if (count == -entry.MinusCount)
                return pair;
            if (count < -entry.MinusCount)
                _queue.Enqueue(pair, (-count, pair.Left, pair.Right));
        }
        return null;
    }

    /// <summary>Joins the pair into <paramref name="joined"/> in every word, from left to right.</summary>
    internal void Merge(int left, int right, int joined)
    {
        if (!_wordsOf.Remove((left, right), out HashSet<int>? holders))
            return;
        foreach (int w in holders)
        {
            Count(w, -1);
            _words[w] = Joined(_words[w], left, right, joined);
            Count(w, +1);
        }
        QueueGrown();
    }

    static int[] Joined(int[] word, int left, int right, int joined)
    {
        var result = new int[word.Length];
        int length = 0;
        for (int i = 0; i < word.Length; i++)
        {
            bool isPair = word[i] == left && i + 1 < word.Length && word[i + 1] == right;
            result[length++] = isPair ? joined : word[i];
            if (isPair)
                i++;
        }
        return result[..length];
    }

    void Count(int w, int sign)
    {
        int[] word = _words[w];
        for (int i = 0; i + 1 < word.Length; i++)
        {
            var pair = (word[i], word[i + 1]);
            CollectionsMarshal.GetValueRefOrAddDefault(_counts, pair, out _) += sign * _wordCounts[w];
            if (sign < 0)
                continue;
            _grown.Add(pair);
            ref HashSet<int>? holders = ref CollectionsMarshal.GetValueRefOrAddDefault(_wordsOf, pair, out _);
            (holders ??= []).Add(w);
        }
    }

    void QueueGrown()
    {
        foreach ((int left, int right) in _grown)
            if (_counts[(left, right)] is > 0 and var count)
                _queue.Enqueue((left, right), (-count, left, right));
        _grown.Clear();
    }
}
