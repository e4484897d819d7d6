using HeadTap.Runtime;

namespace HeadTap.Merge.Tests;

public class PathShapeTests
{
    [Test]
    public void Ends_are_single_points_and_shares_add_up(
        [Values] PathShape shape, [Values(2, 3, 5)] int points)
    {
        double[] first = shape.Shares(points, 0), last = shape.Shares(points, 1);
        Assert.That(first[0], Is.EqualTo(1));
        Assert.That(last[^1], Is.EqualTo(1));
        Assert.That(first[1..], Is.All.Zero);
        Assert.That(last[..^1], Is.All.Zero);
        foreach (double t in (double[])[0.1, 0.25, 0.5, 0.9])
            Assert.That(shape.Shares(points, t).Sum(), Is.EqualTo(1).Within(1e-15));
    }

    [Test]
    public void One_bend_is_the_published_curve()
    {
        const double t = 0.3;
        Assert.That(PathShape.Bezier.Shares(3, t),
            Is.EqualTo((double[])[(1 - t) * (1 - t), 2 * t * (1 - t), t * t]).Within(1e-15));
        Assert.That(PathShape.Polygon.Shares(3, t), Is.EqualTo((double[])[0.4, 0.6, 0]).Within(1e-15));
        Assert.That(PathShape.Polygon.Shares(3, 0.5), Is.EqualTo((double[])[0, 1, 0]));
        Assert.That(PathShape.Bezier.Shares(4, t), Is.EqualTo(
            (double[])[0.343, 3 * 0.3 * 0.49, 3 * 0.09 * 0.7, 0.027]).Within(1e-15));
    }

    [Test]
    public void A_path_whose_points_lie_on_a_line_is_that_line([Values] PathShape shape)
    {
        for (double t = 0; t <= 1; t += 0.125)
            Assert.That(shape.Shares(5, t).Select((share, i) => share * i / 4).Sum(),
                Is.EqualTo(t).Within(1e-15));
    }

    [Test]
    public void Names_are_read()
    {
        Assert.That(PathShapes.Named("polygon", "Shape"), Is.EqualTo(PathShape.Polygon));
        Assert.That(() => PathShapes.Named("bezir", "Shape"),
            Throws.TypeOf<UserException>().With.Message.Contains("expected bezier or polygon"));
    }
}
