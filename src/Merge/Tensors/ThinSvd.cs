using MathNet.Numerics.LinearAlgebra;
using MathNet.Numerics.LinearAlgebra.Factorization;

namespace HeadTap.Merge;

/// <summary>
/// <c>A = U diag(s) V^T</c> with as many singular vectors as the smaller extent, falling: a QR of the longer
/// side first, so that no square matrix of the larger extent is made (docs/design/0017).
/// </summary>
/// <param name="U">[rows, smaller extent], orthonormal columns.</param>
/// <param name="S">The singular values, the largest first.</param>
/// <param name="Vt">[smaller extent, columns], orthonormal rows.</param>
sealed record ThinSvd(Matrix<double> U, Vector<double> S, Matrix<double> Vt)
{
    /// <summary>Of a matrix.</summary>
    internal static ThinSvd Of(Matrix<double> a)
    {
        if (a.RowCount < a.ColumnCount)
        {
            ThinSvd turned = Of(a.Transpose());
            return new(turned.Vt.Transpose(), turned.S, turned.U.Transpose());
        }
        if (a.RowCount == a.ColumnCount)
        {
            Svd<double> square = a.Svd(computeVectors: true);
            return new(square.U, square.S, square.VT);
        }
        QR<double> qr = a.QR(QRMethod.Thin);
        Svd<double> svd = qr.R.Svd(computeVectors: true);
        return new(qr.Q * svd.U, svd.S, svd.VT);
    }

    /// <summary><c>U V^T</c>: the nearest matrix with orthonormal rows or columns.</summary>
    internal Matrix<double> Polar() => U * Vt;
}
