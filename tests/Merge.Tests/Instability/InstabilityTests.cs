namespace HeadTap.Merge.Tests;

public class InstabilityTests
{
    [Test]
    public void It_is_the_height_above_the_mean_of_the_ends()
    {
        Instability found = Instability.Of(7,
            [new(0, 1.0, 0.5), new(0.5, 2.5, 0.25), new(0.75, 1.5, 0.125), new(1, 2.0, 0.75)]);
        Assert.That(found.LossInstability, Is.EqualTo(2.5 - 1.5));
        Assert.That(found.ErrorInstability, Is.EqualTo(0.875 - 0.375));
        InstabilityPoint[] valley = [new(0, 1, 0.5), new(0.5, 0.25, 0.875), new(1, 1, 0.5)];
        Assert.That(Instability.Of(0, valley).ErrorInstability, Is.Zero,
            "between better children nothing rises above their mean but they themselves");
    }

    [Test]
    public void A_loss_that_is_not_finite_is_no_stable_line()
    {
        Instability found = Instability.Of(3, [new(0, 1, 0.5), new(0.5, double.NaN, 0.5), new(1, 1, 0.5)]);
        Assert.That(found.LossInstability, Is.NaN);
        Assert.That(found.ErrorInstability, Is.NaN);
        Assert.That(Instability.FirstStable([found], 0.02), Is.Null);
    }

    [Test]
    public void The_first_stable_step_is_the_first_below_the_threshold()
    {
        Instability At(int step, double error) => new(step, error, 0, []);
        Assert.That(Instability.FirstStable([At(20, 0.01), At(0, 0.5), At(10, 0.019)], 0.02), Is.EqualTo(10));
        Assert.That(Instability.FirstStable([At(0, 0.5), At(10, 0.02)], 0.02), Is.Null);
    }
}
