namespace HeadTap.Models.Tests;

public class LearningRateScheduleTests
{
    // By hand, 11 steps: 3 of warm-up to 4e-3, then from 4e-3 down to 1e-3, half way at step 7.5.
    [TestCase(1, 1e-3f)]
    [TestCase(3, 3e-3f)]
    [TestCase(4, 4e-3f)]
    [TestCase(11, 1e-3f)]
    public void Cosine_rises_then_falls(int step, float rate)
    {
        var schedule = new LearningRateSchedule { WarmupSteps = 3, MinimumRate = 1e-3f };
        Assert.That(schedule.Rate(step, 11, 4e-3f), Is.EqualTo(rate).Within(1).Ulps);
    }

    [Test]
    public void Cosine_is_symmetric_about_its_middle()
    {
        var schedule = new LearningRateSchedule();
        Assert.That(schedule.Rate(6, 11, 1), Is.EqualTo(0.55f).Within(1).Ulps);
        Assert.That(schedule.Rate(3, 11, 1) + schedule.Rate(9, 11, 1), Is.EqualTo(1.1f).Within(2).Ulps);
    }

    [Test]
    public void Constant_stays() => Assert.That(
        new LearningRateSchedule { Kind = ScheduleKind.Constant, WarmupSteps = 1 }.Rate(9, 10, 3e-4f),
        Is.EqualTo(3e-4f));

    [Test]
    public void A_run_of_one_step_has_the_highest_rate() =>
        Assert.That(new LearningRateSchedule().Rate(1, 1, 3e-4f), Is.EqualTo(3e-4f));
}
