using System.Text.Json.Nodes;

namespace HeadTap.Unlearn.Tests;

/// <summary>The published rule by hand, and where it says nothing.</summary>
public sealed class SweepSelectionTests
{
    static readonly double s_nan = double.NaN;

    [Test]
    public void The_rule_is_the_published_one()
    {
        // memorised 0.4 to 0.1: -0.75; accuracies 0.8 to 0.6 and 0.5 to 0.55: mean of -0.25 and +0.1
        SweepRow row = Row(0, "a", 0.1, Measures(0.4, 0.8, 0.5), Measures(0.1, 0.6, 0.55));
        Assert.That(SweepSelection.Score(row, SelectionRule.Accuracy),
            Is.EqualTo(-0.75 + 0.075).Within(1e-12));
        // perplexity 20 to 25
        Assert.That(SweepSelection.Score(row with
        {
            Before = row.Before! with { Perplexity = 20 }, After = row.After! with { Perplexity = 25 },
        }, SelectionRule.Perplexity), Is.EqualTo(-0.75 + 0.25).Within(1e-12));
    }

    [Test]
    public void Without_tests_the_keep_set_counts()
    {
        SweepRow row = Row(0, "a", 0.1, Measures(0.4) with { KeepAccuracy = 0.5 },
            Measures(0.4) with { KeepAccuracy = 0.4 });
        Assert.That(SweepSelection.Score(row, SelectionRule.Accuracy), Is.EqualTo(0.2).Within(1e-12));
    }

    [Test]
    public void What_was_zero_has_no_relative_change()
    {
        Assert.That(Score(Measures(0, 0.5), Measures(0, 0.5)), Is.Zero);
        Assert.That(Score(Measures(0, 0.5), Measures(0.1, 0.5)), Is.EqualTo(double.PositiveInfinity));
        Assert.That(Score(Measures(0.5, 0), Measures(0.5, 0.7)), Is.Zero);
        Assert.That(Score(Measures(0.5, 0.5), Measures(0, s_nan)), Is.EqualTo(double.PositiveInfinity));

        static double Score(SweepMeasures before, SweepMeasures after)
            => SweepSelection.Score(Row(0, "a", 0.1, before, after), SelectionRule.Accuracy);
    }

    [Test]
    public void One_setting_serves_all_seeds_and_failed_ones_come_last()
    {
        SweepMeasures before = Measures(0.5, 0.9);
        SweepRow[] rows =
        [
            Row(0, "a", 0.1, before, Measures(0.2, 0.9)), Row(1, "a", 0.2, before, Measures(0, 0.9)),
            Row(2, "a", 0.1, before, Measures(0.2, 0.9)), Row(3, "a", 0.2, before, null),
            Row(4, "b", 0.3, before, before), Row(5, "b", 0.2, before, before),
        ];
        SweepSelection found = SweepSelection.Of(rows, SelectionRule.Accuracy).Single();
        Assert.That(found.Settings, Has.Count.EqualTo(4));
        Assert.That(found.Best.Select(b => (b.Method, b.Budget, b.Runs.Count)), Is.EqualTo(
            (IEnumerable<(string, double, int)>)[("a", 0.1, 2), ("b", 0.2, 1)]));
        (double mean, double? spread) = found.Settings[0].Over(r => r.Cell);
        Assert.That((mean, spread!.Value), Is.EqualTo((1.0, Math.Sqrt(2))));
    }

    static SweepRow Row(int cell, string method, double budget, SweepMeasures before, SweepMeasures? after)
        => new(cell, 0, method, new JsonObject(), null, budget, after is null ? "no" : null, before, after,
            0, 0, 0, []);

    static SweepMeasures Measures(double memorised, params double[] accuracies)
        => new(10, memorised, memorised, memorised, 0, null, null, null, null,
            [.. accuracies.Select(a => new TestAccuracy(a, null))]);
}
