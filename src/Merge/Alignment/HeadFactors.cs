using MathNet.Numerics.LinearAlgebra;
using MathNet.Numerics.LinearAlgebra.Factorization;

namespace HeadTap.Merge;

/// <summary>
/// A product of two factors through a head's inside, such as W_V W_O, in the form that does not depend on how
/// the inside was chosen: <c>X Y = U diag(s) Z^T</c>, balanced factors <c>U s^1/2</c> and <c>s^1/2 Z^T</c>.
/// They are unique but for one rotation, and the gauge T takes them back: <c>X = U s^1/2 T</c>.
/// </summary>
sealed class HeadFactors
{
    // Below this share of the largest, a singular value is noise of float32 and its root cannot be divided
    // by.
    const double Noise = 1e-6;

    HeadFactors(Matrix<double> left, Matrix<double> right, Matrix<double> gauge, Matrix<double> back)
        => (Left, Right, Gauge, Back) = (left, right, gauge, back);

    /// <summary>Transpose of the balanced left factor [D, n].</summary>
    internal Matrix<double> Left { get; }

    /// <summary>The balanced right factor [D, m].</summary>
    internal Matrix<double> Right { get; }

    /// <summary>T [D, D].</summary>
    internal Matrix<double> Gauge { get; }

    /// <summary>T's inverse [D, D].</summary>
    internal Matrix<double> Back { get; }

    /// <summary>The factors of <c>X Y</c>, X [n, D] and Y [D, m], n and m at least D. A product that has no
    /// full rank keeps X and Y, and T is 1.</summary>
    internal static HeadFactors Of(Matrix<double> x, Matrix<double> y)
    {
        QR<double> a = x.QR(QRMethod.Thin), b = y.Transpose().QR(QRMethod.Thin);
        Svd<double> svd = (a.R * b.R.Transpose()).Svd();
        if (!(svd.S.Minimum() > Noise * svd.S.Maximum()))
        {
            Matrix<double> one = Matrix<double>.Build.DenseIdentity(x.ColumnCount);
            return new(x.Transpose(), y, one, one);
        }
        Matrix<double> root = Matrix<double>.Build.DenseOfDiagonalVector(svd.S.PointwiseSqrt());
        Matrix<double> inverse = Matrix<double>.Build.DenseOfDiagonalVector(svd.S.PointwiseSqrt()
            .PointwisePower(-1));
        return new((a.Q * svd.U * root).Transpose(), root * svd.VT * b.Q.Transpose(),
            inverse * svd.U.Transpose() * a.R, b.R.Transpose() * svd.VT.Transpose() * inverse);
    }

    /// <summary>The same head in other axes of the stream.</summary>
    internal HeadFactors In(StreamMap stream, int C)
        => new(stream.Of(Left, C), stream.Of(Right, C), Gauge, Back);

    /// <summary>The map of another head's inside into this one's, after a rotation of its balanced
    /// factors.</summary>
    internal HeadMap MapOf(HeadFactors other, Matrix<double> q)
        => new(other.Back * q * Gauge, Back * q.Transpose() * other.Gauge);
}

/// <summary>An invertible map M of a head's inside, and its inverse: <c>X M</c> and <c>M^-1 Y</c> have the
/// product of X and Y.</summary>
/// <param name="Forward">M [D, D].</param>
/// <param name="Inverse">Its inverse.</param>
sealed record HeadMap(Matrix<double> Forward, Matrix<double> Inverse);
