using HeadTap.Models;

namespace HeadTap.Merge;

/// <summary>The straight line between two models: weights <c>(1 - a) A + a B</c>.</summary>
public static class LossLine
{
    /// <summary>The most points of a line.</summary>
    public const int MostPoints = 100_001;

    /// <summary>Points evenly from 0 to 1, both included.</summary>
    /// <param name="points">Two or more.</param>
    public static double[] Alphas(int points)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(points, 2);
        return [.. Enumerable.Range(0, points).Select(i => (double)i / (points - 1))];
    }

    /// <summary>Moves the weights to a point of the line; at 0 and 1 they are A and B to the bit.</summary>
    public static void MoveTo(WeightSpace space, FlatParameters a, FlatParameters b, double alpha)
    {
        ArgumentNullException.ThrowIfNull(space);
        space.MoveTo((1 - alpha, a), (alpha, b));
    }

    /// <summary>Measures the points of a line.</summary>
    /// <param name="space">Its weights end at B.</param>
    /// <param name="a">Where alpha is 0.</param>
    /// <param name="b">Where alpha is 1.</param>
    /// <param name="meter">What is measured.</param>
    /// <param name="points">Two or more; see <see cref="Alphas"/>.</param>
    public static IReadOnlyList<(double Alpha, LandscapeValue Value)> Run(
        WeightSpace space, FlatParameters a, FlatParameters b, LandscapeMeter meter, int points)
    {
        ArgumentNullException.ThrowIfNull(meter);
        return [.. Alphas(points).Select(alpha =>
        {
            MoveTo(space, a, b, alpha);
            return (alpha, meter.Measure());
        })];
    }
}
