using HeadTap.Runtime;

namespace HeadTap.Merge;

/// <summary>
/// The plane through three models: <c>u = (B - A) / |B - A|</c>,
/// <c>v = (C - A) - &lt;C - A, u&gt; u</c>, normalised.
/// </summary>
/// <remarks>Garipov et al. 2018, arXiv 1802.10026, section 4.</remarks>
static class GramSchmidt
{
    // Below this share of its length what is left of C - A is rounding.
    const double Collinear = 1e-6;

    /// <summary>The basis, from the dot products of <c>theta_i - theta_0</c> of three models.</summary>
    /// <exception cref="UserException">The models lie on one line.</exception>
    internal static PlaneBasis Of(double[,] gram)
    {
        double b = Math.Sqrt(gram[1, 1]), c = Math.Sqrt(gram[2, 2]);
        double along = b > 0 ? gram[1, 2] / b : 0;
        double across = Math.Sqrt(Math.Max(0, gram[2, 2] - along * along));
        if (!(b > 0) || !(across > Collinear * c))
            throw new UserException("the three models lie on one line in weight space; expected models that "
                + "span a plane");
        return new([0, 1 / b, 0], [0, -along / b / across, 1 / across], [(0, 0), (b, 0), (along, across)]);
    }
}
