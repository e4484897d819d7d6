using System.Numerics.Tensors;

namespace HeadTap.Merge;

/// <summary>
/// The assignment of rows to columns with the largest sum: the Hungarian method by shortest augmenting paths
/// (Jonker and Volgenant 1987), O(n^3) at worst.
/// </summary>
public static class Assignment
{
    /// <summary>The column of each row, every column once, so that <c>sum_i gain[i, column[i]]</c> is
    /// largest.</summary>
    /// <param name="gain">[n, n], row-major; finite.</param>
    /// <param name="n">Rows and columns.</param>
    /// <exception cref="ArgumentException">There are not n x n numbers, or one is not finite.</exception>
    public static int[] Largest(ReadOnlySpan<double> gain, int n)
    {
        if (n < 1 || gain.Length != (long)n * n)
            throw new ArgumentException($"{gain.Length} numbers are not {n} x {n}.", nameof(gain));
        if (!TensorPrimitives.IsFiniteAll(gain))
            throw new ArgumentException("A gain is not finite.", nameof(gain));
        double[] cost = new double[gain.Length];
        TensorPrimitives.Negate(gain, cost);
        var search = new Search(cost, n);
        for (int row = 0; row < n; row++)
            search.Reduce(row);
        for (int row = 0; row < n; row++)
            if (search.ColumnOf[row] < 0)
                search.Augment(row);
        return search.ColumnOf;
    }

    // Prices keep every reduced cost c[i, j] - rowPrice[i] - price[j] at 0 or more, and at 0 on the
    // assignment: then no assignment costs less.
    sealed class Search(double[] cost, int n)
    {
        readonly double[] price = Cheapest(cost, n), distance = new double[n];
        readonly int[] rowOf = Filled(n), before = new int[n];
        readonly bool[] done = new bool[n];

        internal int[] ColumnOf { get; } = Filled(n);

        // A row takes its cheapest column where that is free.
        internal void Reduce(int row)
        {
            int best = 0;
            for (int j = 1; j < n; j++)
                if (Reduced(row, j) < Reduced(row, best))
                    best = j;
            if (rowOf[best] >= 0)
                return;
            (rowOf[best], ColumnOf[row]) = (row, best);
        }

        // Dijkstra's search over columns from a free row to the nearest free column.
        internal void Augment(int start)
        {
            Array.Clear(done);
            for (int j = 0; j < n; j++)
                (distance[j], before[j]) = (Reduced(start, j), start);
            int end;
            while (true)
            {
                end = -1;
                for (int j = 0; j < n; j++)
                    if (!done[j] && (end < 0 || distance[j] < distance[end]))
                        end = j;
                if (rowOf[end] < 0)
                    break;
                done[end] = true;
                int row = rowOf[end];
                double shorter = distance[end] - Reduced(row, end);
                for (int j = 0; j < n; j++)
                    if (!done[j] && shorter + Reduced(row, j) is var through && through < distance[j])
                        (distance[j], before[j]) = (through, row);
            }
            for (int j = 0; j < n; j++)
                if (done[j])
                    price[j] += distance[j] - distance[end];
            for (int j = end; ;)
            {
                int row = before[j];
                rowOf[j] = row;
                (ColumnOf[row], j) = (j, ColumnOf[row]);
                if (row == start)
                    return;
            }
        }

        double Reduced(int row, int column) => cost[row * n + column] - price[column];

        static double[] Cheapest(double[] cost, int n)
        {
            double[] least = cost.AsSpan(0, n).ToArray();
            for (int i = 1; i < n; i++)
                TensorPrimitives.Min(least, cost.AsSpan(i * n, n), least);
            return least;
        }

        static int[] Filled(int n)
        {
            int[] none = new int[n];
            Array.Fill(none, -1);
            return none;
        }
    }
}
