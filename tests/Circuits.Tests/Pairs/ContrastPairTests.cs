using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Circuits.Tests;

public sealed class ContrastPairTests
{
    static readonly ModelConfig s_config = new()
    {
        VocabSize = 11, ContextLength = 4, Width = 6, Layers = 1, Heads = 2,
    };

    [Test]
    public void A_pair_that_fits_is_taken()
    {
        var pair = new ContrastPair([1, 2, 10], [3, 2, 0], 4, 5);
        pair.Validate(s_config);
        Assert.That(pair.RequireAligned(), Is.EqualTo((int[])[3, 2, 0]));
    }

    static IEnumerable<TestCaseData> Wrong()
    {
        yield return new TestCaseData(new ContrastPair([], null, 1, null), "clean prompt is empty");
        yield return new TestCaseData(new ContrastPair([1], [1, 2, 3, 4, 5], 1, null), "context ends at 4");
        yield return new TestCaseData(new ContrastPair([1], [11], 1, null), "vocabulary is 0 to 10");
        yield return new TestCaseData(new ContrastPair([1], null, 11, null), "answer token 11");
        yield return new TestCaseData(new ContrastPair([1], null, 1, -1), "answer token -1");
    }

    [TestCaseSource(nameof(Wrong))]
    public void A_pair_that_does_not_fit_is_refused(ContrastPair pair, string said)
        => Assert.That(() => pair.Validate(s_config),
            Throws.TypeOf<UserException>().With.Message.Contains(said));

    [Test]
    public void Positions_must_match()
    {
        Assert.That(() => new ContrastPair([1, 2], [1], 1, null).RequireAligned(),
            Throws.TypeOf<UserException>().With.Message.Contains("2 tokens and the corrupted one 1"));
        Assert.That(() => new ContrastPair([1, 2], null, 1, null).RequireAligned(),
            Throws.TypeOf<UserException>().With.Message.Contains("no corrupted prompt"));
    }
}
