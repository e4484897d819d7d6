using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Circuits.Tests;

public sealed class PatchSummaryTests
{
    static PatchedPair Pair(double clean, double corrupt, int length, params double[] values)
        => new(clean, corrupt, length, [.. values.Select((_, p) => new PatchCell(0, p))], values);

    [Test]
    public void Means_and_shares_are_those_of_the_definition()
    {
        PatchedPair[] pairs = [Pair(4, 1, 2, 2, 4), Pair(6, 2, 2, 3, 5), Pair(5, 0, 2, 7, 1)];
        PatchSummary denoise = PatchSummary.Of(pairs, PatchDirection.Denoise, false, 1),
            noise = PatchSummary.Of(pairs, PatchDirection.Noise, false, 1);
        Assert.That((denoise.Pairs, denoise.Clean, denoise.Corrupt), Is.EqualTo((3, 5.0, 1.0)));
        Assert.That(denoise.Effects.Select(e => e.Value), Is.EqualTo((double[])[4, 10.0 / 3]));
        Assert.That(denoise.Effects.Select(e => e.Share),
            Is.EqualTo((double[])[0.75, 7.0 / 12]).Within(1e-15));
        Assert.That(noise.Effects.Select(e => e.Share),
            Is.EqualTo((double[])[0.25, 5.0 / 12]).Within(1e-15));
        Interval expected = Bootstrap.Of(3, d => d.Average(i => ((double[])[2, 3, 7])[i]),
            new SeededRandom(1, 0x70617463));
        Assert.That(denoise.Effects[0].Spread, Is.EqualTo(expected));
        Assert.That(expected.Low, Is.LessThan(4).And.GreaterThanOrEqualTo(2));
    }

    [Test]
    public void One_pair_has_no_interval_and_equal_runs_no_share()
    {
        PatchEffect effect = PatchSummary.Of([Pair(2, 2, 1, 2)], PatchDirection.Denoise, false, 0).Effects[0];
        Assert.That((effect.Share, effect.Spread.Low), Is.EqualTo((double.NaN, double.NaN)));
    }

    [Test]
    public void Positions_of_pairs_of_several_lengths_count_from_the_end()
    {
        PatchedPair[] pairs = [Pair(1, 0, 3, 1, 2, 3), Pair(1, 0, 2, 10, 20)];
        Assert.That(() => PatchSummary.Of(pairs, PatchDirection.Denoise, false, 0),
            Throws.TypeOf<UserException>().With.Message.Contains("counted from the end"));
        PatchSummary found = PatchSummary.Of(pairs, PatchDirection.Denoise, true, 0);
        Assert.That(found.Effects.Select(e => (e.Cell.Position!.Value, e.Value)),
            Is.EqualTo(((int, double)[])[(-2, 6), (-1, 11.5)]));
        // as many cells, but not the same ones
        PatchedPair other = pairs[0] with { Cells = [new(0, 0), new(0, 1), new(0, 3)] };
        Assert.That(() => PatchSummary.Of([pairs[0], other], PatchDirection.Denoise, false, 0),
            Throws.TypeOf<UserException>());
    }

    [Test]
    public void Samples_of_a_pair_are_averaged()
    {
        PatchedPair mean = PatchedPair.Mean([Pair(4, 1, 2, 2, 4), Pair(4, 3, 2, 6, 5)]);
        Assert.That((mean.Clean, mean.Corrupt), Is.EqualTo((4.0, 2.0)));
        Assert.That(mean.Values, Is.EqualTo((double[])[4, 4.5]));
        Assert.That(() => PatchedPair.Mean([Pair(1, 1, 2, 1), Pair(1, 1, 2, 1, 2)]),
            Throws.ArgumentException);
    }
}
