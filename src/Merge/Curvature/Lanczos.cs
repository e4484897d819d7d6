namespace HeadTap.Merge;

/// <summary>
/// What the Krylov space of a symmetric operator and a start vector says about the operator's spectrum.
/// </summary>
/// <remarks>
/// Lanczos' iteration with full reorthogonalisation, twice a step. The whole projection <c>Q^T A Q</c> is
/// kept, not only its three diagonals: it is symmetric as far as the operator is, and by how much it is not
/// is a measure of the operator's error that costs nothing. Vectors are float32, for the operator rounds them
/// anyway; sums are float64.
/// </remarks>
public sealed class Lanczos
{
    readonly List<float[]> _basis = [];
    readonly double[][] _vectors; // [ritz value][basis vector]

    /// <summary>Runs the iteration.</summary>
    /// <param name="apply">The operator, for vectors of norm 1.</param>
    /// <param name="start">[n], not 0.</param>
    /// <param name="steps">Products with the operator; fewer if the space is exhausted.</param>
    /// <param name="progress">Told the steps done; may throw to stop.</param>
    public Lanczos(Func<float[], double[]> apply, float[] start, int steps, Action<int>? progress = null)
    {
        ArgumentNullException.ThrowIfNull(apply);
        ArgumentNullException.ThrowIfNull(start);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(steps);
        List<double[]> columns = []; // of Q^T A Q, its upper triangle
        List<double> below = []; // its first diagonal below
        double[] next = Array.ConvertAll(start, x => (double)x);
        double scale = 0;
        for (int j = 0; j < Math.Min(steps, start.Length); j++)
        {
            double norm = Flat.Norm(next);
            // What is left is rounding of float32 vectors: the space is invariant.
            if (j > 0 && norm <= scale * 1e-6)
                break;
            float[] q = Unit(next, norm);
            _basis.Add(q);
            next = apply(q);
            scale = Math.Max(scale, Flat.Norm(next));
            columns.Add([.. _basis.Select(b => Flat.Dot(b, next))]);
            for (int pass = 0; pass < 2; pass++)
                foreach (float[] b in _basis)
                    Subtract(next, Flat.Dot(b, next), b);
            below.Add(Flat.Norm(next));
            progress?.Invoke(j + 1);
        }
        Quotient = columns[0][0];
        (Values, _vectors) = SymmetricEigen.Of(Symmetric(columns, below));
    }

    /// <summary>Ritz values from the largest.</summary>
    public IReadOnlyList<double> Values { get; }

    /// <summary>The weight of each Ritz value in the spectral measure of the start vector; their sum is
    /// 1.</summary>
    public IReadOnlyList<double> Weights => [.. _vectors.Select(v => v[0] * v[0])];

    /// <summary><c>v^T A v</c> of the start vector v, of norm 1.</summary>
    public double Quotient { get; }

    /// <summary>The largest <c>|u^T A v - v^T A u|</c> of two vectors of the basis; 0 up to rounding for a
    /// symmetric operator.</summary>
    public double Asymmetry { get; private set; }

    /// <summary>The Ritz vector of a Ritz value: [n], of norm 1.</summary>
    public float[] Vector(int value)
    {
        double[] sum = new double[_basis[0].Length];
        for (int j = 0; j < _basis.Count; j++)
            Subtract(sum, -_vectors[value][j], _basis[j]);
        return Unit(sum, Flat.Norm(sum));
    }

    // Below its first lower diagonal Q^T A Q is 0: of A q_j only q_{j+1} is left.
    double[,] Symmetric(List<double[]> columns, List<double> below)
    {
        int m = columns.Count;
        double[,] a = new double[m, m];
        for (int j = 0; j < m; j++)
            for (int i = 0; i <= j; i++)
            {
                double lower = i == j ? columns[j][i] : i == j - 1 ? below[i] : 0;
                Asymmetry = Math.Max(Asymmetry, Math.Abs(columns[j][i] - lower));
                a[i, j] = a[j, i] = (columns[j][i] + lower) / 2;
            }
        return a;
    }

    static float[] Unit(double[] v, double norm)
    {
        float[] unit = new float[v.Length];
        Flat.Each(v.Length, (start, end) =>
        {
            for (int i = start; i < end; i++)
                unit[i] = (float)(v[i] / norm);
        });
        return unit;
    }

    static void Subtract(double[] from, double factor, float[] b) => Flat.Each(b.Length, (start, end) =>
    {
        for (int i = start; i < end; i++)
            from[i] -= factor * b[i];
    });
}
