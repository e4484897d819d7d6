namespace HeadTap.Models.Tests;

public sealed class CorrelationTests
{
    [Test]
    public void Without_ties_ranks_follow_the_formula_of_squared_differences()
    {
        double[] x = [3, -1, 40, 0.5, 7, 6], y = [-2, -9, 1, 8, 0, -3];
        // Ranks 2 0 5 1 4 3 and 2 0 4 5 3 1: squared differences 0 0 1 16 1 4.
        Assert.That(Correlation.Spearman(x, y), Is.EqualTo(1 - 6 * 22.0 / (6 * 35)).Within(1e-15));
        Assert.That(Correlation.Spearman(x, [.. x.Select(v => -Math.Exp(v / 9))]),
            Is.EqualTo(-1).Within(1e-15), "any falling function");
        Assert.That(Correlation.Pearson(x, [.. x.Select(v => 5 - 3 * v)]), Is.EqualTo(-1).Within(1e-15));
    }

    [Test]
    public void Ties_take_their_mean_rank()
        // ranks 0 1.5 1.5 3 and 0 1 2 3: covariance 4.5 of 4.5 and 5
        => Assert.That(Correlation.Spearman([1, 2, 2, 4], [1, 2, 3, 4]),
            Is.EqualTo(4.5 / Math.Sqrt(4.5 * 5)).Within(1e-15));

    [Test]
    public void What_does_not_vary_has_none()
    {
        Assert.That(Correlation.Spearman([1], [2]), Is.NaN);
        Assert.That(Correlation.Spearman([], []), Is.NaN);
        Assert.That(Correlation.Pearson([1, 2], [3, 3]), Is.NaN);
        Assert.That(() => Correlation.Spearman([1, 2], [3]), Throws.ArgumentException);
    }
}
