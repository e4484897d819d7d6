using HeadTap.Models;

namespace HeadTap.Unlearn;

/// <summary>Repeats rows without end; each pass is in a new shuffled order.</summary>
sealed class RowCycle(IReadOnlyList<int[]> rows, ulong seed)
{
    const ulong Stream = 0x6B656570; // differs from the stream that orders the forget set

    readonly SeededRandom _random = new(seed, Stream);
    int[] _order = [];
    int _next;

    /// <summary>Returns the next rows. A row is repeated only after all other rows were returned.</summary>
    internal int[][] Next(int count)
    {
        int[][] taken = new int[count][];
        for (int k = 0; k < count; k++)
        {
            if (_next == _order.Length)
            {
                _order = [.. Enumerable.Range(0, rows.Count)];
                _random.Shuffle<int>(_order);
                _next = 0;
            }
            taken[k] = rows[_order[_next++]];
        }
        return taken;
    }
}
