namespace HeadTap.Reference;

// Merges through singular vectors, with a Jacobi iteration that shares nothing with a library.
public static partial class MergeReference
{
    /// <summary>A = U diag(s) V^T of a matrix [rows, columns] with rows no fewer than columns, by turning
    /// pairs of columns until all are orthogonal (Hestenes 1958). Singular values fall.</summary>
    public static (double[,] U, double[] S, double[,] V) Svd(double[,] a)
    {
        int rows = a.GetLength(0), columns = a.GetLength(1);
        double[,] u = (double[,])a.Clone(), v = new double[columns, columns];
        for (int c = 0; c < columns; c++)
            v[c, c] = 1;
        for (int sweep = 0; sweep < 60; sweep++)
            for (int p = 0; p < columns; p++)
                for (int q = p + 1; q < columns; q++)
                {
                    double pp = 0, qq = 0, pq = 0;
                    for (int r = 0; r < rows; r++)
                        (pp, qq, pq) = (pp + u[r, p] * u[r, p], qq + u[r, q] * u[r, q],
                            pq + u[r, p] * u[r, q]);
                    if (Math.Abs(pq) <= 1e-18 * Math.Sqrt(pp * qq))
                        continue;
                    double zeta = (qq - pp) / (2 * pq);
                    double t = Math.CopySign(1, zeta) / (Math.Abs(zeta) + Math.Sqrt(1 + zeta * zeta));
                    double cos = 1 / Math.Sqrt(1 + t * t), sin = cos * t;
                    Turn(u, p, q, cos, sin);
                    Turn(v, p, q, cos, sin);
                }
        double[] s = new double[columns];
        for (int c = 0; c < columns; c++)
        {
            for (int r = 0; r < rows; r++)
                s[c] += u[r, c] * u[r, c];
            s[c] = Math.Sqrt(s[c]);
            for (int r = 0; r < rows; r++)
                u[r, c] /= s[c] > 0 ? s[c] : 1;
        }
        int[] order = [.. Enumerable.Range(0, columns).OrderByDescending(c => s[c])];
        return (Columns(u, order), [.. order.Select(c => s[c])], Columns(v, order));
    }

    /// <summary>Iso-C of flat matrices [rows, columns].</summary>
    public static double[] IsoC(double[] baseModel, double[][] vectors, int rows, int columns, double lambda)
    {
        (double[,] u, double[] s, double[,] v) = SvdOf(Sum(vectors, [.. vectors.Select(_ => 1.0)]),
            rows, columns);
        double mean = s.Average();
        return [.. baseModel.Select((b, i) => b + lambda * Enumerable.Range(0, s.Length)
            .Sum(k => u[i / columns, k] * mean * v[i % columns, k]))];
    }

    /// <summary>TSV-M of flat matrices [rows, columns].</summary>
    public static double[] Tsv(double[] baseModel, double[][] vectors, int rows, int columns, double lambda)
    {
        int n = vectors.Length, kept = Math.Min(rows, columns) / n;
        double[,] u = new double[rows, n * kept], v = new double[columns, n * kept];
        double[] s = new double[n * kept];
        for (int m = 0; m < n; m++)
        {
            (double[,] um, double[] sm, double[,] vm) = SvdOf(vectors[m], rows, columns);
            for (int k = 0; k < kept; k++)
            {
                s[m * kept + k] = sm[k];
                for (int r = 0; r < rows; r++)
                    u[r, m * kept + k] = um[r, k];
                for (int c = 0; c < columns; c++)
                    v[c, m * kept + k] = vm[c, k];
            }
        }
        double[,] left = Polar(u), right = Polar(v);
        return [.. baseModel.Select((b, i) => b + lambda * Enumerable.Range(0, s.Length)
            .Sum(k => left[i / columns, k] * s[k] * right[i % columns, k]))];
    }

    static (double[,] U, double[] S, double[,] V) SvdOf(double[] flat, int rows, int columns)
    {
        double[,] a = new double[Math.Max(rows, columns), Math.Min(rows, columns)];
        for (int r = 0; r < rows; r++)
            for (int c = 0; c < columns; c++)
                if (rows >= columns)
                    a[r, c] = flat[r * columns + c];
                else
                    a[c, r] = flat[r * columns + c];
        (double[,] u, double[] s, double[,] v) = Svd(a);
        return rows >= columns ? (u, s, v) : (v, s, u);
    }

    static double[,] Polar(double[,] a)
    {
        (double[,] u, double[] s, double[,] v) = Svd(a);
        double[,] polar = new double[a.GetLength(0), a.GetLength(1)];
        for (int r = 0; r < a.GetLength(0); r++)
            for (int c = 0; c < a.GetLength(1); c++)
                for (int k = 0; k < s.Length; k++)
                    polar[r, c] += u[r, k] * v[c, k];
        return polar;
    }

    static void Turn(double[,] a, int p, int q, double cos, double sin)
    {
        for (int r = 0; r < a.GetLength(0); r++)
            (a[r, p], a[r, q]) = (cos * a[r, p] - sin * a[r, q], sin * a[r, p] + cos * a[r, q]);
    }

    static double[,] Columns(double[,] a, int[] order)
    {
        double[,] ordered = new double[a.GetLength(0), order.Length];
        for (int r = 0; r < a.GetLength(0); r++)
            for (int c = 0; c < order.Length; c++)
                ordered[r, c] = a[r, order[c]];
        return ordered;
    }
}
