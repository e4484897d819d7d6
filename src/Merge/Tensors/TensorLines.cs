namespace HeadTap.Merge;

/// <summary>
/// A tensor as vectors of its own: all of it, its rows, or its columns. A tensor of one extent is one vector,
/// whatever is asked.
/// </summary>
readonly struct TensorLines
{
    readonly long _stride, _count;

    TensorLines(long stride, long count) => (_stride, _count) = (stride, count);

    /// <summary>Vectors.</summary>
    internal int Count => (int)_count;

    /// <summary>The whole tensor as one vector.</summary>
    internal static TensorLines Whole(ParentTensor tensor) => new(tensor.Length, 1);

    /// <summary>Vectors along the last extent.</summary>
    internal static TensorLines Rows(ParentTensor tensor)
        => tensor.Shape.Count < 2 ? Whole(tensor) : new(tensor.Columns, tensor.Length / tensor.Columns);

    /// <summary>Vectors along the first extent, one for each place of the last.</summary>
    internal static TensorLines Columns(ParentTensor tensor)
        => tensor.Shape.Count < 2 ? Whole(tensor) : new(1, tensor.Columns);

    /// <summary>The vector to which a place belongs.</summary>
    internal int this[long place] => (int)(place / _stride % _count);

    /// <summary>The dot products of two readings in every vector: [vectors, (aa, ab, bb)].</summary>
    internal double[,] Dots(long length, PieceReader readA, PieceReader readB)
    {
        double[,] dots = new double[Count, 3];
        float[] a = new float[(int)Math.Min(ParentTensor.PieceLength, length)], b = new float[a.Length];
        for (long start = 0; start < length; start += a.Length)
        {
            int n = (int)Math.Min(a.Length, length - start);
            readA(start, a.AsSpan(0, n));
            readB(start, b.AsSpan(0, n));
            for (int i = 0; i < n; i++)
            {
                int line = this[start + i];
                dots[line, 0] += (double)a[i] * a[i];
                dots[line, 1] += (double)a[i] * b[i];
                dots[line, 2] += (double)b[i] * b[i];
            }
        }
        return dots;
    }
}
