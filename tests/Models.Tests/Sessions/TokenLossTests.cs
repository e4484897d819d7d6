using HeadTap.Kernels.Tests;
using HeadTap.Reference;

namespace HeadTap.Models.Tests;

public class TokenLossTests
{
    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.All))]
    public void Losses_of_positions_are_as_exact_as_float32_allows(string device)
    {
        // Losses lie above the blocks.
        using var test = new TestModel(device, TestModel.Small with { Layers = 1 });
        int[][] rows = [test.Tokens(1, 6), test.Tokens(2, 1), test.Tokens(3, 4)];
        var batch = new SequenceBatch(rows);
        int[] targets = batch.NextTokens();
        (targets[2], targets[6]) = (-100, 5); // one more that is not counted, one more that is
        using var session = new ModelSession(test.Model, new SessionOptions { MaxRows = 3, MaxTokens = 6 });
        float[] losses = session.TokenLosses(batch, targets);
        Agreement.AtMostTwiceFloat32("losses",
            Oracle(test, test.Exact, rows, targets), Oracle(test, test.Plain, rows, targets), losses);
        for (int i = 0; i < targets.Length; i++)
            Assert.That(losses[i] > 0, Is.EqualTo(targets[i] >= 0), $"position {i}");
        Assert.That(session.Loss(batch, targets),
            Is.EqualTo(losses.Sum(l => (double)l) / targets.Count(t => t >= 0)));
    }

    [TestCase(false), TestCase(true)]
    public void A_row_has_the_losses_that_it_has_alone(bool logitsRecorded)
    {
        using var test = new TestModel("cpu512");
        int[][] rows = [test.Tokens(1, 2), test.Tokens(2, 6), test.Tokens(3, 5)];
        using var session = new ModelSession(test.Model, new SessionOptions
        {
            MaxRows = 3, MaxTokens = 6, Record = logitsRecorded ? [new Site(SiteKind.Logits)] : [],
        });
        float[] together = session.TokenLosses(new SequenceBatch(rows), new SequenceBatch(rows).NextTokens());
        for (int b = 0; b < rows.Length; b++)
        {
            var alone = new SequenceBatch(rows[b]);
            Assert.That(session.TokenLosses(alone, alone.NextTokens()),
                Is.EqualTo(together.AsSpan(b * 6, rows[b].Length).ToArray()), $"row {b}");
        }
    }

    [Test]
    public void What_cannot_be_counted_is_said()
    {
        using var test = new TestModel("cpu512");
        using var session = new ModelSession(test.Model, new SessionOptions { MaxTokens = 3 });
        var batch = new SequenceBatch([1, 2, 3]);
        Assert.That(() => session.TokenLosses(batch, [2, 3]),
            Throws.ArgumentException.With.Message.Contains("2 targets for 1 x 3 tokens"));
        BadInput.Refused(() => session.TokenLosses(batch, [-1, -1, -1]),
            "no token of the batch has a target");
        BadInput.Refused(() => session.TokenLosses(batch, [1, 37, -1]), "target 37");
    }

    static TReal[] Oracle<TReal>(
        TestModel test, Dictionary<string, TReal[]> parameters, int[][] rows, int[] targets)
        where TReal : System.Numerics.IFloatingPointIeee754<TReal>
    {
        int T = targets.Length / rows.Length, V = test.Model.Config.VocabSize;
        TReal[] losses = new TReal[targets.Length];
        for (int b = 0; b < rows.Length; b++)
        {
            TReal[] logits = Gpt2Reference.Forward(test.Sizes, parameters, rows[b])["logits"];
            for (int t = 0; t < rows[b].Length; t++)
                if (targets[b * T + t] >= 0)
                    losses[b * T + t] = Gpt2Reference.CrossEntropy(
                        logits[(t * V)..((t + 1) * V)], [targets[b * T + t]]).Loss;
        }
        return losses;
    }
}
