using HeadTap.Runtime;

namespace HeadTap.Inject.Tests;

/// <summary>A table small enough to reckon by hand, and what has no number.</summary>
public sealed class GainSummaryTests
{
    // Gains 10, 20, 30, 40, 50 and 1000 percent; the last has almost nothing to gain on.
    static readonly double[] s_before = [0.1, 0.1, 0.1, 0.1, 0.1, 0.001];
    static readonly double[] s_after = [0.11, 0.12, 0.13, 0.14, 0.15, 0.011];

    [Test]
    public void Each_measure_is_what_its_formula_says()
    {
        GainSummary summary =
            GainSummary.Of(s_before, s_after, (int[])[2, 1, 1, 5, 1, 9], (int[])[1, 1, 2, 2, 1, 1]);
        Assert.Multiple(() =>
        {
            Assert.That(RelativeGain.Of(s_before, s_after),
                Is.EqualTo((double[])[10, 20, 30, 40, 50, 1000]).Within(1e-10));
            Assert.That((summary.Prompts, summary.WithoutGain, summary.Dropped), Is.EqualTo((6, 0, 1)));
            Assert.That(summary.TrimmedMean, Is.EqualTo(30).Within(1e-12), "without the sixth");
            Assert.That(summary.Mean, Is.EqualTo(1150.0 / 6).Within(1e-10));
            Assert.That(summary.Median, Is.EqualTo(35).Within(1e-12));
            Assert.That(summary.MeanBefore, Is.EqualTo(0.501 / 6).Within(1e-15));
            Assert.That(summary.MeanAfter, Is.EqualTo(0.661 / 6).Within(1e-15));
            Assert.That(summary.ProbabilityChange, Is.EqualTo(100 * (661.0 / 501 - 1)).Within(1e-10));
            Assert.That(summary.SurprisalChange, Is.EqualTo(
                -Math.Log(1.1 * 1.2 * 1.3 * 1.4 * 1.5 * 11) / 6).Within(1e-12));
            Assert.That(summary.Repaired, Is.EqualTo(2.0 / 3));
            Assert.That(summary.Broken, Is.EqualTo(1.0 / 3));
        });
    }

    [Test]
    public void The_deviation_is_the_samples_and_the_trimming_happens_once()
    {
        // Of 0 five times and 1 the deviation is 0.408, and 1 lies 2.04 of them from the mean 1/6. Of 0 four
        // times and 1 it is 0.447: 1 lies 1.79 of them away and stays.
        Assert.That(TrimmedMeanGain.Kept([0, 0, 0, 0, 0, 1]), Has.Length.EqualTo(5));
        Assert.That(TrimmedMeanGain.Kept([0, 0, 0, 0, 1]), Has.Length.EqualTo(5));
        // 2.2 deviations of n away, 1.97 of n - 1: only the first would drop it.
        double[] close = [0, 0, 1, 1, 2, 2, 4.35];
        double mean = close.Average(), squares = close.Sum(v => (v - mean) * (v - mean));
        Assert.That(4.35 - mean, Is.InRange(2 * Math.Sqrt(squares / 7), 2 * Math.Sqrt(squares / 6)));
        Assert.That(TrimmedMeanGain.Kept(close), Has.Length.EqualTo(7));
        // Without 1000 the 20 would be far from the others, too; it stays.
        Assert.That(TrimmedMeanGain.Kept([0, 0, 0, 0, 0, 0, 0, 20, 1000]), Has.Length.EqualTo(8));
    }

    [Test]
    public void Prompts_without_a_chance_before_have_no_gain_and_count_elsewhere()
    {
        GainSummary summary = GainSummary.Of([0, 0.2, 0.4], [0.1, 0.3, 0]);
        Assert.Multiple(() =>
        {
            Assert.That(RelativeGain.Of([0, 0.2], [0.1, 0.3])[0], Is.NaN);
            Assert.That((summary.Prompts, summary.WithoutGain, summary.Dropped), Is.EqualTo((3, 1, 0)));
            Assert.That(summary.TrimmedMean, Is.EqualTo(-25).Within(1e-12), "of 50 and -100");
            Assert.That(summary.Median, Is.EqualTo(-25).Within(1e-12));
            Assert.That(summary.ProbabilityChange, Is.EqualTo(100 * (0.4 / 0.6 - 1)).Within(1e-12));
            Assert.That(summary.SurprisalChange, Is.EqualTo(-Math.Log(1.5)).Within(1e-12));
        });
        GainSummary none = GainSummary.Of([0, 0], [0.1, 0]);
        Assert.That((double[])[none.TrimmedMean, none.Mean, none.Median, none.ProbabilityChange,
            none.SurprisalChange], Is.All.NaN);
    }

    [Test]
    public void Few_prompts_have_what_they_have()
    {
        GainSummary one = GainSummary.Of([0.2], [0.3]), none = GainSummary.Of([], []);
        Assert.That((one.TrimmedMean, one.Median, one.Dropped), Is.EqualTo((one.Mean, one.Mean, 0)));
        Assert.That(one.Mean, Is.EqualTo(50).Within(1e-12));
        Assert.That((one.Repaired, one.Broken), Is.EqualTo((double.NaN, double.NaN)), "no ranks");
        Assert.That(none.Prompts, Is.Zero);
        Assert.That((double[])[none.TrimmedMean, none.Mean, none.Median, none.MeanBefore, none.MeanAfter,
            none.ProbabilityChange, none.SurprisalChange], Is.All.NaN);
        Assert.That(RankChange.Repaired([1], [1]), Is.NaN, "nothing to repair");
        Assert.That(RankChange.Broken([1], [1]), Is.Zero);
    }

    [TestCase(double.NaN), TestCase(-0.1), TestCase(1.1), TestCase(double.PositiveInfinity)]
    public void What_is_no_probability_is_refused(double value)
    {
        foreach (TestDelegate of in (TestDelegate[])
            [() => GainSummary.Of([0.1, value], [0.1, 0.1]), () => MeanSurprisalChange.Of([0.1], [value]),
            () => MeanProbabilityChange.Of([value], [0.1]), () => MedianGain.Of([value], [0.1])])
            Assert.That(of, Throws.TypeOf<UserException>().With.Message.Contains("expected 0 to 1"));
    }

    [Test]
    public void Lengths_that_differ_are_a_mistake_of_the_caller()
    {
        Assert.That(() => GainSummary.Of([0.1], [0.1, 0.2]), Throws.ArgumentException);
        Assert.That(() => GainSummary.Of([0.1], [0.1], [1, 2], [1, 2]), Throws.ArgumentException);
        Assert.That(() => RankChange.Repaired([1], [1, 2]), Throws.ArgumentException);
        Assert.That(() => RankChange.Repaired([0], [1]), Throws.ArgumentException);
    }
}
