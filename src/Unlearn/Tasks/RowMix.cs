using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Unlearn;

/// <summary>The forget rows and keep rows of one step.</summary>
readonly record struct RowBatch(IReadOnlyList<int[]> Forget, IReadOnlyList<int[]> Keep);

/// <summary>Draws batches from the rows to forget and the rows to keep.</summary>
sealed class RowMix
{
    // Parameters use the lower stream numbers, by their offset.
    const ulong Stream = ulong.MaxValue;

    readonly int[][] _forget, _keep;
    readonly int _batchRows;
    readonly SeededRandom _random;

    /// <summary>
    /// Corrected form: the keep side contains no forget row. Reference form: the keep side contains all
    /// forget rows, also if the caller's keep set does not (the reference puts all noised sequences among the
    /// clean ones).
    /// </summary>
    /// <exception cref="UserException">No row is left to keep.</exception>
    internal RowMix(UnlearnTask task, int batchRows)
    {
        HashSet<string> forget = [.. task.Forget.Select(Key)], keep = [.. task.Keep.Select(Key)];
        _forget = [.. task.Forget];
        _keep = task.Form == MethodForm.Reference
            ? [.. task.Keep, .. task.Forget.Where(row => !keep.Contains(Key(row)))]
            : [.. task.Keep.Where(row => !forget.Contains(Key(row)))];
        if (_keep.Length == 0)
            throw new UserException($"every one of the {Counted.Of(task.Keep.Count, "sequence")} to keep is "
                + "one to forget; expected some that are not");
        (_batchRows, _random) = (batchRows, new SeededRandom(task.Seed, Stream));
    }

    /// <summary>Number of rows of both sides.</summary>
    internal int Count => _forget.Length + _keep.Length;

    /// <summary>Number of batches per epoch.</summary>
    internal int Steps => (Count - 1) / _batchRows + 1;

    /// <summary>Number of tokens of the longest row.</summary>
    internal int Longest => Math.Max(_forget.Max(r => r.Length), _keep.Max(r => r.Length));

    /// <summary>
    /// Returns one epoch in which every batch has rows of both sides, in the proportion of the whole: each
    /// side is shuffled and dealt out evenly. A side with fewer rows than batches gives one row to each
    /// batch, so some rows are repeated.
    /// </summary>
    internal IEnumerable<RowBatch> Proportional()
    {
        _random.Shuffle<int[]>(_forget);
        _random.Shuffle<int[]>(_keep);
        int steps = Steps;
        for (int s = 0; s < steps; s++)
            yield return new RowBatch(Dealt(_forget, s, steps), Dealt(_keep, s, steps));
    }

    /// <summary>Returns one epoch of all rows shuffled together; a batch may lack rows of one side.</summary>
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

    /// <summary>Returns one epoch of rows, shuffled, in batches.</summary>
    internal static IEnumerable<int[][]> Shuffled(
        IReadOnlyList<int[]> rows, int batchRows, SeededRandom random)
    {
        int[][] order = [.. rows];
        random.Shuffle<int[]>(order);
        return order.Chunk(batchRows);
    }

    /// <summary>Returns the random numbers that shuffle rows.</summary>
    internal static SeededRandom Order(ulong seed) => new(seed, Stream);

    static int[][] Dealt(int[][] rows, int step, int steps)
    {
        int first = (int)((long)step * rows.Length / steps), end = (int)((step + 1L) * rows.Length / steps);
        return first < end ? rows[first..end] : [rows[step % rows.Length]];
    }

    static string Key(int[] row) => string.Join(' ', row);
}
