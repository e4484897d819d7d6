using HeadTap.Kernels.Tests;
using HeadTap.Models;

namespace HeadTap.Merge.Tests;

public sealed class CurveTrainingTests : IDisposable
{
    static readonly CurveOptions s_options = new(PathShape.Bezier, 1, 40, 0.02f, 4, Seed: 7);

    readonly LandscapeFolders _folders = new();

    public void Dispose() => _folders.Dispose();

    WeightSpace Space(string device, out float[] a, out float[] b)
    {
        (a, b) = (_folders.Write("a", 1), _folders.Write("b", 2));
        return new WeightSpace(TestDevice.Open(device), _folders.At("a"));
    }

    static float[] Weights(WeightSpace space) => space.Model.Set.Blocks[0].ToArray();

    float[] Bend(WeightSpace space, CurveTraining curve, int bend = 0)
    {
        curve.MoveToBend(bend);
        return Weights(space);
    }

    [Test]
    public void The_path_begins_as_the_straight_line_between_the_models([Values] PathShape shape)
    {
        using WeightSpace space = Space("cpu512", out float[] a, out float[] b);
        using var curve = new CurveTraining(space, _folders.At("b"), LandscapeFolders.Texts,
            s_options with { Shape = shape, Bends = 2 });
        curve.MoveTo(0);
        Assert.That(Weights(space), Is.EqualTo(a));
        curve.MoveTo(1);
        Assert.That(Weights(space), Is.EqualTo(b));
        foreach (double t in (double[])[0.25, 0.7])
        {
            float[] line = [.. a.Zip(b, (x, y) => (float)((1 - t) * x + t * y))];
            curve.MoveTo(t);
            Assert.That(Weights(space), Is.EqualTo(line).Within(1e-6));
            curve.MoveToLine(t);
            Assert.That(Weights(space), Is.EqualTo(line).Within(1e-6));
        }
    }

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.Quick))]
    public void A_step_is_Adam_s_along_the_share_of_the_gradient(string device)
    {
        using WeightSpace space = Space(device, out float[] a, out float[] b);
        using var curve =
            new CurveTraining(space, _folders.At("b"), LandscapeFolders.Texts, s_options with { Bends = 2 });
        float[][] before = [Bend(space, curve, 0), Bend(space, curve, 1)];
        CurveStep step = curve.Next();
        double[] shares = PathShape.Bezier.Shares(4, step.T);
        Assert.That(step.T, Is.InRange(0.2, 0.8), "a place at which both inner points have a share");
        double[] at = [.. Enumerable.Range(0, a.Length).Select(i => shares[0] * a[i]
            + shares[1] * before[0][i] + shares[2] * before[1][i] + shares[3] * b[i])];
        (double loss, double[] gradient) =
            new ExactLoss(LandscapeFolders.Config, LandscapeFolders.Texts).At(at);
        Assert.That(step.Loss, Is.EqualTo(loss).Within(1e-5), "all four texts are the step's rows");
        Assert.That(step.LearningRate, Is.EqualTo(0.02f));
        for (int bend = 0; bend < 2; bend++)
        {
            float[] after = Bend(space, curve, bend);
            int moved = 0;
            for (int i = 0; i < a.Length; i++)
            {
                double g = shares[bend + 1] * gradient[i];
                if (Math.Abs(g) < 1e-5)
                    continue; // its sign may be rounding's
                moved++;
                Assert.That(after[i], Is.EqualTo(before[bend][i] - 0.02 * Math.Sign(g)).Within(3e-5));
            }
            Assert.That(moved, Is.GreaterThan(a.Length / 2));
        }
    }

    [Test]
    public void Training_lowers_the_path_and_leaves_its_ends([Values] PathShape shape)
    {
        using WeightSpace space = Space("cpu512", out float[] a, out float[] b);
        using var curve = new CurveTraining(space, _folders.At("b"), LandscapeFolders.Texts,
            s_options with { Shape = shape });
        double[] places = [0.2, 0.35, 0.5, 0.65, 0.8];
        using var evaluator = new TextEvaluator(space.Model, LandscapeFolders.Texts, 12, 12);
        double Mean() => places.Average(t =>
        {
            curve.MoveTo(t);
            double loss = evaluator.Score().Loss;
            Assert.That(loss, Is.EqualTo(LandscapeFolders.Exact(Weights(space), LandscapeFolders.Texts).Loss)
                .Within(1e-5));
            return loss;
        });
        double line = Mean();
        while (curve.Step < s_options.Steps)
            curve.Next();
        Assert.That(Mean(), Is.LessThan(line - 0.2));
        curve.MoveTo(0);
        Assert.That(Weights(space), Is.EqualTo(a));
        curve.MoveTo(1);
        Assert.That(Weights(space), Is.EqualTo(b));
    }

    [Test]
    public void A_training_that_goes_on_reaches_the_same_bits()
    {
        // Three of four rows a step: epochs end within.
        CurveOptions options = s_options with { BatchRows = 3, Bends = 2 };
        float[][] whole = Train(7, null), parts = Train(3, "state");
        parts = Train(4, "state");
        Assert.That(parts[0], Is.EqualTo(whole[0]));
        Assert.That(parts[1], Is.EqualTo(whole[1]));
        options = options with { Seed = 4 };
        Assert.That(Train(7, null)[0], Is.Not.EqualTo(whole[0]));

        float[][] Train(int steps, string? state)
        {
            using WeightSpace space = Space("cpu512", out _, out _);
            using var curve = new CurveTraining(space, _folders.At("b"), LandscapeFolders.Texts, options);
            if (state is not null && File.Exists(_folders.At(state)))
                curve.Restore(_folders.At(state));
            for (int i = 0; i < steps; i++)
                curve.Next();
            if (state is not null)
                curve.Save(_folders.At(state));
            return [Bend(space, curve, 0), Bend(space, curve, 1)];
        }
    }

    [Test]
    public void Rows_hold_each_token_but_a_text_s_first_as_a_target_once_an_epoch()
    {
        int[][] texts = [[.. Enumerable.Range(0, 10)], [20], [30, 31], [.. Enumerable.Range(40, 4)]];
        var rows = new SeededRows(texts, 4, 3, seed: 1);
        List<int> targets = [];
        for (int step = 0; step < 5; step++) // 3 epochs of 5 rows
        {
            SequenceBatch batch = rows.At(step);
            Assert.That((batch.B, batch.T), Is.EqualTo((3, 4)).Or.EqualTo((3, 2)));
            targets.AddRange(batch.NextTokens().Where(t => t >= 0));
        }
        int[] once = [.. Enumerable.Range(1, 9), 31, 41, 42, 43];
        Assert.That(targets.Order(), Is.EqualTo(once.SelectMany(t => (int[])[t, t, t])));
        Assert.That(new SeededRows(texts, 4, 3, seed: 1).At(4).Row(0).ToArray(),
            Is.EqualTo(rows.At(4).Row(0).ToArray()), "any step can be had alone");
    }
}
