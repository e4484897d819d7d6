using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Circuits.Tests;

public sealed class PositionPairsTests
{
    [Test]
    public void Pairs_are_read_in_the_direction_of_the_patch()
    {
        var pairs = new PositionPairs([(4, 1), (2, 3), (0, 0)]);
        Assert.That(pairs.Into(PatchDirection.Denoise), Is.EqualTo(((int, int)[])[(0, 0), (4, 1), (2, 3)]));
        Assert.That(pairs.Into(PatchDirection.Noise), Is.EqualTo(((int, int)[])[(0, 0), (3, 2), (1, 4)]));
        Assert.That((pairs.IsSame, PositionPairs.Same(3).IsSame), Is.EqualTo((false, true)));
    }

    static IEnumerable<TestCaseData> Wrong()
    {
        yield return new TestCaseData(new PositionPairs([]), "no pair of positions");
        yield return new TestCaseData(new PositionPairs([(5, 0)]), "position 5 is outside the clean prompt");
        yield return new TestCaseData(new PositionPairs([(0, 3)]),
            "position 3 is outside the corrupted prompt, which has positions 0 to 2");
        yield return new TestCaseData(new PositionPairs([(0, -1)]), "position -1 is outside");
        yield return new TestCaseData(new PositionPairs([(0, 1), (0, 2)]),
            "position 0 of the clean prompt stands in two pairs");
        yield return new TestCaseData(new PositionPairs([(0, 1), (2, 1)]),
            "position 1 of the corrupted prompt stands in two pairs");
    }

    [TestCaseSource(nameof(Wrong))]
    public void Pairs_that_do_not_fit_are_refused(PositionPairs pairs, string said)
        => Assert.That(() => pairs.Validate(5, 3),
            Throws.TypeOf<UserException>().With.Message.Contains(said));

    [Test]
    public void A_pattern_needs_positions_that_are_the_same()
    {
        var grid = new PatchGrid { Kind = SiteKind.Pattern, Axis = PatchAxis.Head, Layers = [0] };
        Assert.That(() => grid.ValidateFor(
                new PositionPairs([(0, 0), (1, 1)]), PatchDirection.Denoise, 3, 2),
            Throws.TypeOf<UserException>().With.Message.Contains("each position with itself"));
        Assert.That(() => grid.ValidateFor(new PositionPairs([(0, 1)]), PatchDirection.Denoise, 3, 3),
            Throws.TypeOf<UserException>().With.Message.Contains("each position with itself"));
        grid.ValidateFor(new PositionPairs([(1, 1)]), PatchDirection.Denoise, 3, 3);
    }
}
