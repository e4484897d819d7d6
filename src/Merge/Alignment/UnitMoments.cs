namespace HeadTap.Merge;

/// <summary>First and second moments of two models' units over the same tokens.</summary>
/// <param name="a">Units of A.</param>
/// <param name="b">Units of B.</param>
sealed class UnitMoments(int a, int b)
{
    readonly double[] _sumA = new double[a], _sumB = new double[b], _squaresA = new double[a],
        _squaresB = new double[b], _products = new double[a * b];
    long _count;

    /// <summary>Adds tokens: x [N, a] of A, y [N, b] of B.</summary>
    internal void Add(double[] x, double[] y)
    {
        _count += x.Length / a;
        AddTo(_sumA, _squaresA, x);
        AddTo(_sumB, _squaresB, y);
        RowProducts.AddOfColumns(x, y, a, b, _products);
    }

    /// <summary>[a, b]: covariances.</summary>
    internal double[] Covariances()
    {
        double[] covariances = new double[a * b];
        for (int i = 0; i < a; i++)
            for (int j = 0; j < b; j++)
                covariances[i * b + j] = _products[i * b + j] / _count
                    - _sumA[i] / _count * (_sumB[j] / _count);
        return covariances;
    }

    /// <summary>[a, b]: correlations; 0 for a unit that never changes.</summary>
    internal double[] Correlations()
    {
        double[] correlations = Covariances();
        for (int i = 0; i < a; i++)
            for (int j = 0; j < b; j++)
            {
                double deviations = Deviation(_sumA[i], _squaresA[i]) * Deviation(_sumB[j], _squaresB[j]);
                correlations[i * b + j] = deviations > 0 ? correlations[i * b + j] / deviations : 0;
            }
        return correlations;
    }

    double Deviation(double sum, double squares)
    {
        double mean = sum / _count, variance = squares / _count - mean * mean;
        // Below this share of the square, the difference is rounding.
        return variance > 1e-12 * squares / _count ? Math.Sqrt(variance) : 0;
    }

    static void AddTo(double[] sums, double[] squares, double[] rows)
    {
        for (int i = 0; i < rows.Length; i++)
        {
            sums[i % sums.Length] += rows[i];
            squares[i % sums.Length] += rows[i] * rows[i];
        }
    }
}
