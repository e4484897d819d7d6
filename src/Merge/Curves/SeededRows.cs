using HeadTap.Models;

namespace HeadTap.Merge;

/// <summary>
/// Rows of texts for the steps of a training: each once an epoch, in an order that depends on the seed, the
/// epoch and nothing else, so that any step's rows can be had without those before.
/// </summary>
sealed class SeededRows
{
    const ulong OrderStream = 0x6375727665_000000; // apart from other streams of a seed

    readonly List<int[]> _rows = [];
    readonly ulong _seed;
    readonly int _perStep;
    int[] _order = [];
    long _epoch = -1;

    /// <summary>Cuts texts into rows of at most <paramref name="context"/> tokens. A row begins with the last
    /// token of the row before it, so that each token but a text's first is predicted once.</summary>
    internal SeededRows(IReadOnlyList<int[]> documents, int context, int perStep, ulong seed)
    {
        foreach (int[] document in documents)
            for (int start = 0; start + 1 < document.Length; start += Math.Max(1, context - 1))
                _rows.Add(document[start..Math.Min(start + context, document.Length)]);
        (_seed, _perStep) = (seed, Math.Min(perStep, _rows.Count));
    }

    /// <summary>Rows of a step.</summary>
    internal int PerStep => _perStep;

    /// <summary>Tokens of the longest row; 0 without any.</summary>
    internal int Longest => _rows.Count == 0 ? 0 : _rows.Max(r => r.Length);

    /// <summary>The rows of a step, from 0.</summary>
    internal SequenceBatch At(int step)
    {
        int[][] rows = new int[_perStep][];
        for (int i = 0; i < _perStep; i++)
        {
            (long epoch, long place) = Math.DivRem((long)step * _perStep + i, _rows.Count);
            if (epoch != _epoch)
            {
                _order = [.. Enumerable.Range(0, _rows.Count)];
                new SeededRandom(_seed, OrderStream + (ulong)epoch).Shuffle<int>(_order);
                _epoch = epoch;
            }
            rows[i] = _rows[_order[place]];
        }
        return new SequenceBatch(rows);
    }
}
