using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Inject.Tests;

public sealed class BootstrapTests
{
    static readonly double[] s_before = [.. Enumerable.Range(1, 40).Select(i => 0.01 * i)];
    static readonly double[] s_after = [.. s_before.Select((p, i) => p * (1 + 0.01 * (i % 7)))];

    [Test]
    public void The_interval_of_a_mean_is_about_two_standard_errors_to_each_side()
    {
        var random = new SeededRandom(4);
        double[] values = [.. Enumerable.Range(0, 400).Select(_ => random.NextNormal())];
        Interval interval = Bootstrap.Of(400, drawn => drawn.Average(i => values[i]), random, 4000);
        double mean = values.Average(), error = Math.Sqrt(values.Sum(v => (v - mean) * (v - mean))) / 400;
        // The ends of 4000 resamples themselves vary by about 0.04 standard errors.
        Assert.That((interval.Low - mean) / error, Is.EqualTo(-1.96).Within(0.16));
        Assert.That((interval.High - mean) / error, Is.EqualTo(1.96).Within(0.16));
    }

    [Test]
    public void Prompts_are_drawn_in_pairs()
    {
        // Every prompt gains 50 %: drawn apart, before and after would give other gains.
        double[] after = [.. s_before.Select(p => 1.5 * p)];
        Interval interval = PairedBootstrap.Of(s_before, after, TrimmedMeanGain.Of, new SeededRandom(1), 200);
        Assert.That(interval.Low, Is.EqualTo(50).Within(1e-9));
        Assert.That(interval.High, Is.EqualTo(50).Within(1e-9));
    }

    [Test]
    public void One_seed_gives_one_interval_and_the_level_its_width()
    {
        Interval Of(ulong seed, double level = 0.95) => PairedBootstrap.Of(
            s_before, s_after, MeanProbabilityChange.Of, new SeededRandom(seed), 500, level);
        Interval wide = Of(1), narrow = Of(1, 0.5);
        Assert.That(Of(1), Is.EqualTo(wide));
        Assert.That(Of(2), Is.Not.EqualTo(wide));
        Assert.That(narrow.Low, Is.GreaterThan(wide.Low));
        Assert.That(narrow.High, Is.LessThan(wide.High));
        double found = MeanProbabilityChange.Of(s_before, s_after);
        Assert.That(found, Is.InRange(wide.Low, wide.High));
    }

    [Test]
    public void Ends_are_interpolated_between_the_resamples()
    {
        int next = 0;
        Interval interval = Bootstrap.Of(2, _ => next++, new SeededRandom(1), 5, level: 0.5);
        Assert.That(interval, Is.EqualTo(new Interval(1, 3)), "quarters of 0, 1, 2, 3, 4");
        next = 0;
        interval = Bootstrap.Of(2, _ => next++, new SeededRandom(1), 5, level: 0.8);
        Assert.That((interval.Low, interval.High), Is.EqualTo((0.4, 3.6)).Within(1e-12));
    }

    [Test]
    public void Too_few_prompts_and_statistics_without_a_number_have_no_interval()
    {
        var none = new Interval(double.NaN, double.NaN);
        Assert.That(PairedBootstrap.Of([0.1], [0.2], MedianGain.Of, new SeededRandom(1)), Is.EqualTo(none));
        Assert.That(PairedBootstrap.Of([0, 0], [0, 0], MedianGain.Of, new SeededRandom(1)), Is.EqualTo(none));
        Interval some = PairedBootstrap.Of([0, 0.2], [0, 0.3], MedianGain.Of, new SeededRandom(1));
        Assert.That((some.Low, some.High), Is.EqualTo((50.0, 50.0)).Within(1e-9), "draws of zeros left out");
        Assert.That(() => PairedBootstrap.Of([double.NaN, 0], [0, 0], MedianGain.Of, new SeededRandom(1)),
            Throws.TypeOf<UserException>());
        Assert.That(() => Bootstrap.Of(3, _ => 0, new SeededRandom(1), level: 1),
            Throws.TypeOf<ArgumentOutOfRangeException>());
    }
}
