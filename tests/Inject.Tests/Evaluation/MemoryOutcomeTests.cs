using HeadTap.Models;

namespace HeadTap.Inject.Tests;

public sealed class MemoryOutcomeTests
{
    static AnswerStanding Standing(int rank, double p) => new(p, rank, -Math.Log(p), []);

    [Test]
    public void Numbers_are_means_over_draws_and_changes_of_rank_are_counted_in_each()
    {
        AnswerStanding[] before = [Standing(1, 0.5), Standing(3, 0.1), Standing(2, 0.2), Standing(4, 0.1)];
        AnswerStanding[][] draws =
        [
            [Standing(1, 0.6), Standing(1, 0.4), Standing(3, 0.1), Standing(1, 0.3)],
            [Standing(2, 0.2), Standing(3, 0.1), Standing(2, 0.2), Standing(9, 0.05)],
        ];
        MemoryOutcome found = MemoryOutcome.Of(
            "m", before, draws, [[0], [1], [2], [3]], new SeededRandom(1), resamples: 50);
        Assert.That((found.Name, found.Repaired, found.Broken), Is.EqualTo(("m", 1.0, 0.5)));
        Assert.That(found.MeanAfter.Value, Is.EqualTo((1.4 + 0.55) / 8).Within(1e-12));
        Assert.That(found.ProbabilityChange.Value,
            Is.EqualTo(100 * ((1.4 + 0.55) / 2 / 0.9 - 1)).Within(1e-9));
        Assert.That(found.Median.Value, Is.EqualTo((110.0 + -25) / 2).Within(1e-9));
        Assert.That(found.MeanAfter.Interval.Low, Is.LessThan(found.MeanAfter.Value));
        Assert.That(found.MeanAfter.Interval.High, Is.GreaterThan(found.MeanAfter.Value));
    }
}
