using MathNet.Numerics.LinearAlgebra;

namespace HeadTap.Merge;

/// <summary>Orthogonal Procrustes (Schönemann 1966): the rotation that takes rows next to others.</summary>
static class Rotation
{
    /// <summary>
    /// The orthogonal Q that makes <c>tr(Q^T S)</c> largest, and that value, the sum of S's singular values:
    /// <c>S = U diag(s) V^T, Q = U V^T</c>.
    /// </summary>
    /// <param name="s">[n, n]: <c>B^T A</c> where rows B Q shall be near rows A.</param>
    internal static (Matrix<double> Q, double Value) Nearest(Matrix<double> s)
    {
        MathNet.Numerics.LinearAlgebra.Factorization.Svd<double> svd = s.Svd();
        return (svd.U * svd.VT, svd.S.Sum());
    }

    /// <summary>The same over rotations that keep the direction (1, ..., 1), which LayerNorm's mean
    /// needs.</summary>
    /// <param name="s">[n, n], of centred rows: rows and columns sum to 0.</param>
    internal static Matrix<double> NearestThatKeepsMean(Matrix<double> s)
    {
        // The mean direction is a singular pair of S with value 0; any positive value decides its sign.
        double value = s.FrobeniusNorm() / s.RowCount;
        return Nearest(s + (value > 0 ? value : 1)).Q;
    }

    /// <summary>A matrix of MathNet from numbers [rows, columns], row-major.</summary>
    internal static Matrix<double> Dense(ReadOnlySpan<double> values, int columns)
        => Matrix<double>.Build.DenseOfRowMajor(values.Length / columns, columns, values.ToArray());
}
