using HeadTap.Models;
using HeadTap.Models.Tests;
using HeadTap.Runtime;

namespace HeadTap.Lens.Tests;

public class AblationCheckTests
{
    const string Hash = "0123456789abcdef";

    static readonly int[][] Rows = [[3, 14, 15, 9, 2], [6, 5, 3], [], [1, 30, 36, 4, 11, 8, 20], [7, 7]];

    [TestCase(false), TestCase(true)]
    public void Removing_the_chosen_heads_gives_what_it_gives_one_prompt_at_a_time(bool toMean)
    {
        using var test = new TestModel("cpu512");
        using var folder = new TemporaryFolder();
        LensSource source = LensEvaluationTests.Source(test.Model, folder, LensKind.Thin);
        var options = new AblationOptions { Prompts = 3, ToMean = toMean, Seed = 5, BatchRows = 2 };
        AblationResult found = AblationCheck.Run(test.Model, source, [0, 1], Rows, options);
        Assert.That(found.Prompts, Is.EqualTo(3));
        IReadOnlyList<int>[] prompts = [.. Rows.Where(r => r.Length > 0).Take(3)];
        foreach (AblationOutcome outcome in (AblationOutcome[])[found.Lens, found.LogitLens!])
        {
            double change = 0;
            for (int i = 0; i < 3; i++)
                change += Change(test.Model, prompts[i], outcome.Responsible[i], toMean) / 3;
            Assert.That(outcome.Change, Is.EqualTo(change).Within(1e-5).And.Not.Zero);
            Assert.That(outcome.Random.Difference,
                Is.EqualTo(outcome.Change - outcome.Random.OtherChange).Within(1e-12));
            Assert.That(outcome.Random.Interval.Low, Is.LessThanOrEqualTo(outcome.Random.Difference));
            Assert.That(outcome.Random.Interval.High, Is.GreaterThanOrEqualTo(outcome.Random.Difference));
            Assert.That(outcome.SameLayer!.OtherChange, Is.Not.EqualTo(outcome.Change));
        }
        AblationResult again = AblationCheck.Run(test.Model, source, [0, 1], Rows, options);
        Assert.That(again.Lens.Random, Is.EqualTo(found.Lens.Random));
        AblationResult other = AblationCheck.Run(
            test.Model, source, [0, 1], Rows, options with { Seed = 6 });
        Assert.That(other.Lens.Random, Is.Not.EqualTo(found.Lens.Random));
    }

    [Test]
    public void Responsible_is_the_head_that_favours_the_answer_most()
    {
        using var test = new TestModel("cpu512");
        using var folder = new TemporaryFolder();
        LensSource source = LensEvaluationTests.Source(test.Model, folder, LensKind.Head);
        AblationResult found = AblationCheck.Run(test.Model, source, [0, 1], Rows, new() { Prompts = 9 });
        Assert.That(found.Prompts, Is.EqualTo(4));
        using LensSet lens = source.Load(test.Model, [0, 1], 4);
        using var seen = new LensActivations(test.Model, [0, 1], [LensKind.Head], 1, 7, 1);
        using var arena = new TensorArena(test.Model.Device, 1 << 16, "test");
        int prompt = 0;
        foreach (int[] row in Rows.Where(r => r.Length > 0))
        {
            seen.Clear();
            seen.Add(new SequenceBatch([row]), [row.Length - 1]);
            int answer = Answer(test.Model, row).Token;
            var favours = new List<(HeadPlace Place, double CenteredLogit)>();
            foreach (int l in (int[])[0, 1])
                for (int h = 0; h < 4; h++)
                {
                    Tensor bias = arena.Cut("bias", 37), x = arena.Cut("x", 1, lens[l].FeatureWidth);
                    Tensor own = arena.Cut("own", 1, lens[l].HeadFeatureWidth), y = arena.Cut("y", 1, 37);
                    lens[l].Prepare(1);
                    lens[l].Features(seen.Of(l), x);
                    lens[l].HeadFeatures(seen.Of(l), x, h, own);
                    lens[l].HeadMap(h, lens[l].HeadBias(bias) ? bias : null)
                        .Logits(test.Model.Ops, own, 0, y);
                    favours.Add((new(l, h), y.ToArray()[answer] - y.ToArray().Average(v => (double)v)));
                }
            Assert.That(found.Lens.Responsible[prompt++],
                Is.EqualTo(favours.MaxBy(f => f.CenteredLogit).Place));
        }
    }

    // With two heads in a layer there is one other to draw.
    [Test]
    public void The_other_head_is_never_the_responsible_one_and_stands_in_its_layer_where_that_is_said()
    {
        using var test = new TestModel("cpu512", TestModel.Small with { Heads = 2 });
        LensSource source = LensSource.Find(LensSource.Logit, test.Model.Config, Hash);
        int[][] rows = [.. Enumerable.Range(0, 8).Select(i => test.Tokens(i + 1, 3 + i % 5))];
        var options = new AblationOptions { Prompts = 8, Seed = 3 };
        AblationOutcome one = AblationCheck.Run(test.Model, source, [1], rows, options).Lens,
            both = AblationCheck.Run(test.Model, source, [0, 1], rows, options).Lens;
        foreach (AblationOutcome outcome in (AblationOutcome[])[one, both])
        {
            double other = rows.Select((row, i) => (row, Place: outcome.Responsible[i]))
                .Average(r => Change(test.Model, r.row, r.Place with { Head = 1 - r.Place.Head }, false));
            Assert.That(outcome.SameLayer!.OtherChange, Is.EqualTo(other).Within(1e-5));
        }
        Assert.That(one.Random.OtherChange, Is.EqualTo(one.SameLayer!.OtherChange).Within(1e-12));
        Assert.That(both.Random.OtherChange, Is.Not.EqualTo(both.SameLayer!.OtherChange));
    }

    [Test]
    public void The_logit_lens_beside_a_lens_calls_the_heads_that_it_calls_alone()
    {
        using var test = new TestModel("cpu512");
        using var folder = new TemporaryFolder();
        LensSource source = LensEvaluationTests.Source(test.Model, folder, LensKind.Head),
            logit = LensSource.Find(LensSource.Logit, test.Model.Config, Hash);
        int[][] rows = [.. Enumerable.Range(0, 8).Select(i => test.Tokens(i + 1, 3 + i % 5))];
        var options = new AblationOptions { Prompts = 8, Seed = 3 };
        AblationResult beside = AblationCheck.Run(test.Model, source, [0, 1], rows, options),
            alone = AblationCheck.Run(test.Model, logit, [0, 1], rows, options);
        Assert.That(beside.LogitLens!.Responsible, Is.EqualTo(alone.Lens.Responsible));
        Assert.That(beside.Lens.Responsible, Is.Not.EqualTo(alone.Lens.Responsible));
    }

    [Test]
    public void A_contrast_made_by_hand()
    {
        AblationContrast found =
            AblationCheck.Contrast([-3, -1, 0, -2], [-1, -1, 1, -3], new SeededRandom(1));
        Assert.That((found.OtherChange, found.Difference, found.LowersMore), Is.EqualTo((-1.0, -0.5, 0.5)));
        Assert.That(found.Interval.Low, Is.InRange(-2.0, -0.5));
        Assert.That(found.Interval.High, Is.InRange(-0.5, 1.0));
        Assert.That(AblationCheck.Contrast([1], [2], new SeededRandom(1)).Interval.Low, Is.NaN);
    }

    [Test]
    public void What_cannot_be_checked_is_refused()
    {
        using var test = new TestModel("cpu512");
        using var folder = new TemporaryFolder();
        LensSource tuned = LensEvaluationTests.Source(test.Model, folder, LensKind.Tuned);
        BadInput.Refused(() => AblationCheck.RequireUsable(tuned, [0, 1], 4), "reads the residual stream");
        LensSource logit = LensSource.Find(LensSource.Logit, test.Model.Config, Hash);
        BadInput.Refused(() => AblationCheck.RequireUsable(logit, [0], 1), "one head alone");
        Assert.That(AblationCheck.Run(test.Model, logit, [0, 1], Rows, new() { Prompts = 2 }).LogitLens,
            Is.Null);
    }

    static double Change(LanguageModel model, IReadOnlyList<int> prompt, HeadPlace head, bool toMean)
    {
        (int token, double before) = Answer(model, prompt);
        using (model.Attach(new Edit
        {
            Site = $"blocks.{head.Layer}.attn.hook_result", Head = head.Head,
            Operation = toMean ? EditOperation.Mean : EditOperation.Zero,
        }))
            return Answer(model, prompt, token).LogP - before;
    }

    static (int Token, double LogP) Answer(LanguageModel model, IReadOnlyList<int> prompt, int? token = null)
    {
        using var session = new ModelSession(model,
            new SessionOptions { MaxTokens = prompt.Count, Logits = LogitsAt.Last });
        session.Forward(new SequenceBatch([prompt]));
        float[] logits = session.Logits.ToArray();
        int answer = token ?? Array.IndexOf(logits, logits.Max());
        return (answer, logits[answer] - Math.Log(logits.Sum(l => Math.Exp((double)l))));
    }
}
