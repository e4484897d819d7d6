using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Circuits.Tests;

public sealed class RepeatedTokensTests
{
    static readonly ModelConfig s_config = HeadTexts.Config; // 23 tokens, context 14

    [Test]
    public void Tokens_are_said_twice_and_are_all_different()
    {
        IReadOnlyList<int[]> drawn = RepeatedTokens.Draw(s_config, 6, 40, 22, 99, 1);
        Assert.That(drawn, Has.Count.EqualTo(40));
        foreach (int[] window in drawn)
        {
            Assert.That(window, Has.Length.EqualTo(13));
            Assert.That(window[0], Is.EqualTo(22));
            Assert.That(window[1..7], Is.EqualTo(window[7..]));
            Assert.That(window[1..7].Distinct().Count(), Is.EqualTo(6));
            Assert.That(window[1..7], Has.All.InRange(0, 21));
        }
        Assert.That(drawn.SelectMany(w => w[1..]).Distinct().Count(), Is.EqualTo(22), "some are never drawn");
        Assert.That(RepeatedTokens.Draw(s_config, 6, 3, 22, 99, 1)[2], Is.EqualTo(drawn[2]));
        Assert.That(RepeatedTokens.Draw(s_config, 6, 3, 22, 99, 2)[2], Is.Not.EqualTo(drawn[2]));
        Assert.That(RepeatedTokens.Draw(s_config, 7, 1, null, 9, 1)[0], Has.Length.EqualTo(14));
    }

    [Test]
    public void Every_token_comes_as_often_at_every_place()
    {
        int[,] found = new int[6, 22];
        foreach (int[] window in RepeatedTokens.Draw(s_config, 6, 4400, 22, 99, 5))
            for (int t = 0; t < 6; t++)
                found[t, window[1 + t]]++;
        // Binomial, 4400 draws of 1 / 22: 200, with six deviations of sqrt(200 * 21 / 22) = 13.8.
        Assert.That(found.Cast<int>(), Has.All.InRange(200 - 83, 200 + 83));
    }

    [TestCase(8, 1, null, 23, "expected 1 to 7, so that they fit the context of 14")]
    [TestCase(7, 1, 22, 23, "15 tokens with the first; expected 1 to 6")]
    [TestCase(0, 1, null, 23, "0 random tokens")]
    [TestCase(5, 1, null, 4, "5 random tokens, each another one; the vocabulary has 4")]
    [TestCase(5, 0, null, 23, "0 sequences")]
    public void What_does_not_fit_is_refused(int length, int sequences, int? bos, int vocabulary, string said)
        => Assert.That(() => RepeatedTokens.Draw(s_config, length, sequences, bos, vocabulary, 0),
            Throws.TypeOf<UserException>().With.Message.Contains(said));
}
