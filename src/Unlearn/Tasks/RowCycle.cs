using HeadTap.Models;

namespace HeadTap.Unlearn;

/// <summary>Rows in a shuffled order, again and again, each time in another order.</summary>
sealed class RowCycle(IReadOnlyList<int[]> rows, ulong seed)
{
    const ulong Stream = 0x6B656570; // apart from the order of the forget set

    readonly SeededRandom _random = new(seed, Stream);
    int[] _order = [];
    int _next;

    /// <summary>The next rows; a row comes again only when every other one has come.</summary>
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
