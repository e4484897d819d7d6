using HeadTap.Runtime;
using MathNet.Numerics.LinearAlgebra;
using MathNet.Numerics.LinearAlgebra.Factorization;

namespace HeadTap.Merge;

/// <summary>
/// The two directions along which the checkpoints of a run vary most: eigenvectors of their centred dot
/// products.
/// </summary>
/// <remarks>
/// Li et al. 2018, arXiv 1712.09913, section 7, with the last checkpoint as origin. With n checkpoints all
/// that matters lies in n dimensions, so an n by n matrix is decomposed and not one of the parameters' size:
/// <c>K = (I - 1/n) G (I - 1/n)</c>, <c>K q = lambda q</c>, direction
/// <c>sum_i q_i theta_i / sqrt(lambda)</c>.
/// </remarks>
static class PrincipalComponents
{
    const double Flat = 1e-12; // of the largest variance: below it a direction is rounding

    /// <summary>The basis, from the dot products of <c>theta_i - theta_last</c> of three or more
    /// checkpoints.</summary>
    /// <exception cref="UserException">They lie on one line.</exception>
    internal static PlaneBasis Of(double[,] gram)
    {
        int n = gram.GetLength(0);
        Matrix<double> g = Matrix<double>.Build.DenseOfArray(gram);
        Matrix<double> centre = Matrix<double>.Build.DenseIdentity(n) - 1.0 / n;
        Evd<double> found = (centre * g * centre).Evd(Symmetricity.Symmetric); // ascending
        double[] variances = [.. found.EigenValues.Select(v => v.Real)];
        double all = variances.Sum(v => Math.Max(0, v));
        if (!(variances[^1] > 0) || !(variances[^2] > Flat * variances[^1]))
            throw new UserException("the checkpoints lie on one line in weight space; expected three or more "
                + "that span a plane");
        double[] first = Direction(found, n - 1, variances), second = Direction(found, n - 2, variances);
        return new(first, second,
            [.. Enumerable.Range(0, n).Select(i => (Along(g, first, i), Along(g, second, i)))],
            (variances[^1] / all, variances[^2] / all));
    }

    // The sign is free: the share of the largest size is positive.
    static double[] Direction(Evd<double> found, int k, double[] variances)
    {
        double[] q = found.EigenVectors.Column(k).ToArray();
        double sign = Math.Sign(q.MaxBy(Math.Abs));
        return [.. q.Select(v => sign * v / Math.Sqrt(variances[k]))];
    }

    // <direction, theta_i - theta_last>
    static double Along(Matrix<double> gram, double[] direction, int i) => gram.Row(i) * Vector<double>.Build
        .Dense(direction);
}
