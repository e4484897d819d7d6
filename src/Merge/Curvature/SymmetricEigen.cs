namespace HeadTap.Merge;

/// <summary>Eigenvalues and eigenvectors of a small symmetric matrix, by cyclic Jacobi rotations (Golub and
/// Van Loan, 8.5).</summary>
static class SymmetricEigen
{
    const int MostSweeps = 60;

    /// <summary>The eigenvalues from the largest, and their eigenvectors as rows.</summary>
    /// <param name="matrix">[m, m], symmetric; not changed.</param>
    internal static (double[] Values, double[][] Vectors) Of(double[,] matrix)
    {
        int m = matrix.GetLength(0);
        double[,] a = (double[,])matrix.Clone();
        double[][] vectors = [.. Enumerable.Range(0, m).Select(i =>
        {
            double[] row = new double[m];
            row[i] = 1;
            return row;
        })];
        for (int sweep = 0; sweep < MostSweeps && !IsDiagonal(a); sweep++)
            for (int p = 0; p < m; p++)
                for (int q = p + 1; q < m; q++)
                    Rotate(a, vectors, p, q);
        int[] order = [.. Enumerable.Range(0, m).OrderByDescending(i => a[i, i])];
        return ([.. order.Select(i => a[i, i])], [.. order.Select(i => vectors[i])]);
    }

    // Whether what is off the diagonal no longer changes what is on it.
    static bool IsDiagonal(double[,] a)
    {
        double off = 0, on = 0;
        for (int i = 0; i < a.GetLength(0); i++)
            for (int j = 0; j < a.GetLength(0); j++)
                if (i == j)
                    on += a[i, i] * a[i, i];
                else
                    off += a[i, j] * a[i, j];
        return off <= on * 1e-34;
    }

    static void Rotate(double[,] a, double[][] vectors, int p, int q)
    {
        if (a[p, q] == 0)
            return;
        double tau = (a[q, q] - a[p, p]) / (2 * a[p, q]);
        double t = Math.CopySign(1, tau) / (Math.Abs(tau) + Math.Sqrt(1 + tau * tau));
        double c = 1 / Math.Sqrt(1 + t * t), s = t * c;
        for (int k = 0; k < a.GetLength(0); k++)
            (a[k, p], a[k, q]) = (c * a[k, p] - s * a[k, q], s * a[k, p] + c * a[k, q]);
        for (int k = 0; k < a.GetLength(0); k++)
        {
            (a[p, k], a[q, k]) = (c * a[p, k] - s * a[q, k], s * a[p, k] + c * a[q, k]);
            (vectors[p][k], vectors[q][k]) =
                (c * vectors[p][k] - s * vectors[q][k], s * vectors[p][k] + c * vectors[q][k]);
        }
    }
}
