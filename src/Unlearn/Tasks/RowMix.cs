using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Unlearn;

/// <summary>Rows of one step, by side.</summary>
readonly record struct RowBatch(IReadOnlyList<int[]> Forget, IReadOnlyList<int[]> Keep);

/// <summary>The rows to forget and the rows to keep, as methods that look at both draw them.</summary>
sealed class RowMix
{
    // Streams of random numbers below are those of parameters, by their offset.
    const ulong Stream = ulong.MaxValue;

    readonly int[][] _forget, _keep;
    readonly int _batchRows;
    readonly SeededRandom _random;

    /// <summary>
    /// Corrected: what is to be forgotten is not kept. Reference: the keep side holds the forget side,
    /// whether or not the caller's does (the reference puts all noised sequences among the clean ones).
    /// </summary>
    /// <exception cref="UserException">Nothing is left to keep.</exception>
    internal RowMix(UnlearnTask task, int batchRows)
    {
        HashSet<string> forget = [.. task.Forget.Select(Key)], keep = [.. task.Keep.Select(Key)];
        _forget = [.. task.Forget];
        _keep = task.Form == MethodForm.Reference
            ? [.. task.Keep, .. task.Forget.Where(row => !keep.Contains(Key(row)))]
            : [.. task.Keep.Where(row => !forget.Contains(Key(row)))];
        if (_keep.Length == 0)
            throw new UserException($"every one of the {task.Keep.Count} sequences to keep is one to forget; "
                + "expected some that are not");
        (_batchRows, _random) = (batchRows, new SeededRandom(task.Seed, Stream));
    }

    /// <summary>Rows of both sides.</summary>
    internal int Count => _forget.Length + _keep.Length;

    /// <summary>Batches of an epoch.</summary>
    internal int Steps => (Count - 1) / _batchRows + 1;

    /// <summary>Tokens of the longest row.</summary>
    internal int Longest => Math.Max(_forget.Max(r => r.Length), _keep.Max(r => r.Length));

    /// <summary>
    /// One epoch in which every batch has both sides, in the proportion of the whole: a side is shuffled and
    /// dealt out evenly. A side with fewer rows than there are batches gives one to each, and so some rows
    /// more than once.
    /// </summary>
    internal IEnumerable<RowBatch> Proportional()
    {
        _random.Shuffle<int[]>(_forget);
        _random.Shuffle<int[]>(_keep);
        int steps = Steps;
        for (int s = 0; s < steps; s++)
            yield return new RowBatch(Dealt(_forget, s, steps), Dealt(_keep, s, steps));
    }

    /// <summary>One epoch of the shuffled whole; a batch may lack a side.</summary>
    internal IEnumerable<RowBatch> Shuffled()
    {
        (int[] Row, bool Forgets)[] all =
            [.. _forget.Select(row => (row, true)), .. _keep.Select(row => (row, false))];
        _random.Shuffle<(int[], bool)>(all);
        foreach ((int[] Row, bool Forgets)[] batch in all.Chunk(_batchRows))
            yield return new RowBatch(
                [.. batch.Where(r => r.Forgets).Select(r => r.Row)],
                [.. batch.Where(r => !r.Forgets).Select(r => r.Row)]);
    }

    /// <summary>One epoch of rows in batches, shuffled.</summary>
    internal static IEnumerable<int[][]> Shuffled(
        IReadOnlyList<int[]> rows, int batchRows, SeededRandom random)
    {
        int[][] order = [.. rows];
        random.Shuffle<int[]>(order);
        return order.Chunk(batchRows);
    }

    /// <summary>The random numbers that put rows in order.</summary>
    internal static SeededRandom Order(ulong seed) => new(seed, Stream);

    static int[][] Dealt(int[][] rows, int step, int steps)
    {
        int first = (int)((long)step * rows.Length / steps), end = (int)((step + 1L) * rows.Length / steps);
        return first < end ? rows[first..end] : [rows[step % rows.Length]];
    }

    static string Key(int[] row) => string.Join(' ', row);
}
