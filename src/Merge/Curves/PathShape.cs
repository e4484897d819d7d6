using HeadTap.Runtime;

namespace HeadTap.Merge;

/// <summary>How points of weight space become a path from the first to the last.</summary>
public enum PathShape
{
    /// <summary>Bernstein's polynomials: smooth, and inner points lie off the path.</summary>
    Bezier,

    /// <summary>Straight pieces from point to point.</summary>
    Polygon,
}

/// <summary>What a path's shape decides.</summary>
public static class PathShapes
{
    /// <summary>The shapes by name.</summary>
    public static IReadOnlyList<string> Names { get; } = ["bezier", "polygon"];

    /// <summary>The shape of a name.</summary>
    /// <exception cref="UserException">There is none.</exception>
    public static PathShape Named(string name, string option)
    {
        ArgumentNullException.ThrowIfNull(name);
        int at = Names.ToList().IndexOf(name);
        return at >= 0 ? (PathShape)at : throw new UserException($"{Field.Of(option)} is "
            + $"{Quoted.Name(name)}; expected {string.Join(" or ", Names)}{NearestName.Hint(name, Names)}");
    }

    /// <summary>
    /// The share of each point at a place of the path: <c>theta(t) = sum_i share_i(t) theta_i</c>. At 0 and 1
    /// it is the first and the last point alone.
    /// </summary>
    /// <param name="shape">The shape.</param>
    /// <param name="points">Points, at least 2.</param>
    /// <param name="t">0 to 1.</param>
    public static double[] Shares(this PathShape shape, int points, double t)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(points, 2);
        double[] shares = new double[points];
        int n = points - 1;
        if (shape == PathShape.Polygon)
        {
            int piece = Math.Min((int)(t * n), n - 1);
            (shares[piece], shares[piece + 1]) = (1 - (t * n - piece), t * n - piece);
            return shares;
        }
        double binomial = 1;
        for (int i = 0; i <= n; i++)
        {
            shares[i] = binomial * Math.Pow(t, i) * Math.Pow(1 - t, n - i);
            binomial = binomial * (n - i) / (i + 1);
        }
        return shares;
    }
}
