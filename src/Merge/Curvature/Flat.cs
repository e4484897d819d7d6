namespace HeadTap.Merge;

/// <summary>Sums over flat vectors in float64, on all cores, in an order that does not depend on
/// them.</summary>
static class Flat
{
    const int PieceLength = 1 << 15;

    /// <summary>The dot product.</summary>
    internal static double Dot(float[] a, float[] b) => Sum(a.Length, (start, end) =>
    {
        double sum = 0;
        for (int i = start; i < end; i++)
            sum += (double)a[i] * b[i];
        return sum;
    });

    /// <summary>The dot product with a float64 vector.</summary>
    internal static double Dot(float[] a, double[] b) => Sum(a.Length, (start, end) =>
    {
        double sum = 0;
        for (int i = start; i < end; i++)
            sum += a[i] * b[i];
        return sum;
    });

    /// <summary>The Euclidean norm.</summary>
    internal static double Norm(double[] a) => Math.Sqrt(Sum(a.Length, (start, end) =>
    {
        double sum = 0;
        for (int i = start; i < end; i++)
            sum += a[i] * a[i];
        return sum;
    }));

    /// <summary>The Euclidean norm of <c>a - factor b</c>.</summary>
    internal static double Distance(double[] a, double factor, float[] b) => Math.Sqrt(Sum(a.Length,
        (start, end) =>
    {
        double sum = 0;
        for (int i = start; i < end; i++)
            sum += (a[i] - factor * b[i]) * (a[i] - factor * b[i]);
        return sum;
    }));

    /// <summary>The Euclidean norm of <c>a - b</c>.</summary>
    internal static double Distance(double[] a, double[] b) => Math.Sqrt(Sum(a.Length, (start, end) =>
    {
        double sum = 0;
        for (int i = start; i < end; i++)
            sum += (a[i] - b[i]) * (a[i] - b[i]);
        return sum;
    }));

    /// <summary>Calls <paramref name="body"/> for parts [start, end) of n places.</summary>
    internal static void Each(int n, Action<int, int> body)
        => Parts.Each((n + PieceLength - 1) / PieceLength, piece =>
            body((int)piece * PieceLength, (int)Math.Min(n, (piece + 1) * PieceLength)));

    static double Sum(int n, Func<int, int, double> part)
    {
        double[] sums = new double[(n + PieceLength - 1) / PieceLength];
        Each(n, (start, end) => sums[start / PieceLength] = part(start, end));
        return sums.Sum();
    }
}
