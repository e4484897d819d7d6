namespace HeadTap.Merge;

/// <summary>The places of a plane that are measured: size by size, evenly, in rows from the bottom.</summary>
/// <param name="X">Ascending, from the left.</param>
/// <param name="Y">Ascending, from the bottom.</param>
public sealed record PlaneGrid(double[] X, double[] Y)
{
    /// <summary>Places of the grid.</summary>
    public int Count => X.Length * Y.Length;

    /// <summary>A place by its number, row by row from the bottom left.</summary>
    public (double X, double Y) this[int index] => (X[index % X.Length], Y[index / X.Length]);

    /// <summary>A square around the origin, from -range to range both ways.</summary>
    public static PlaneGrid Around(int size, double range) => new(Axis(size, 0, range), Axis(size, 0, range));

    /// <summary>A square around places, whose side is range times the longer side of the box that holds
    /// them.</summary>
    public static PlaneGrid Around(int size, double range, IReadOnlyList<(double X, double Y)> places)
    {
        ArgumentNullException.ThrowIfNull(places);
        (double left, double right) = (places.Min(p => p.X), places.Max(p => p.X));
        (double bottom, double top) = (places.Min(p => p.Y), places.Max(p => p.Y));
        double half = range * Math.Max(right - left, top - bottom) / 2;
        return new(Axis(size, (left + right) / 2, half), Axis(size, (bottom + top) / 2, half));
    }

    static double[] Axis(int size, double centre, double half)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(size, 2);
        // Symmetric to the bit, so that the middle of an odd size is the centre.
        return [.. Enumerable.Range(0, size).Select(i => centre + half * (2 * i - (size - 1)) / (size - 1))];
    }
}
