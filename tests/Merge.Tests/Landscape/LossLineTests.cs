using HeadTap.Kernels.Tests;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Merge.Tests;

public sealed class LossLineTests : IDisposable
{
    readonly LandscapeFolders _folders = new();

    public void Dispose() => _folders.Dispose();

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.Quick))]
    public void Ends_have_the_models_own_bits_and_the_middle_those_of_their_merge(string device)
    {
        _folders.Write("a", 1);
        _folders.Write("b", 2);
        if (!Directory.Exists(_folders.At("middle")))
        {
            using var run = new MergeRun(MergeConfigReader.Parse($$"""
                merge_method: linear
                models:
                  - model: {{_folders.At("a")}}
                    parameters: {weight: 0.5}
                  - model: {{_folders.At("b")}}
                    parameters: {weight: 0.5}
                """, "m.yml"));
            run.Write(_folders.At("middle"));
        }
        ComputeDevice on = TestDevice.Open(device);
        using var space = new WeightSpace(on, _folders.At("a"));
        FlatParameters a = space.Keep(), b = space.Read(_folders.At("b"));
        int[][] test = [[1, 2, 3], [5, 30]];
        using var meter = new LandscapeMeter(space.Model, LandscapeFolders.Texts, test);
        IReadOnlyList<(double Alpha, LandscapeValue Value)> line = LossLine.Run(space, a, b, meter, 5);
        Assert.That(line.Select(p => p.Alpha), Is.EqualTo((double[])[0, 0.25, 0.5, 0.75, 1]));
        foreach ((int at, string name) in (ReadOnlySpan<(int, string)>)[(0, "a"), (2, "middle"), (4, "b")])
        {
            using LanguageModel own = LanguageModel.Load(on, _folders.At(name));
            TextScore score = TextEvaluation.Run(own, LandscapeFolders.Texts, 12, 12),
                other = TextEvaluation.Run(own, test, 12, 12);
            Assert.That(line[at].Value, Is.EqualTo(
                new LandscapeValue(score.Loss, score.Accuracy, other.Loss, other.Accuracy)), name);
        }
        Assert.That(line[1].Value, Is.Not.EqualTo(line[3].Value));
    }

    [Test]
    public void Every_point_has_the_float64_loss_of_its_weights()
    {
        float[] a = _folders.Write("a", 1), b = _folders.Write("b", 2);
        using var space = new WeightSpace(TestDevice.Open("cpu512"), _folders.At("a"));
        FlatParameters from = space.Keep(), to = space.Read(_folders.At("b"));
        using var meter = new LandscapeMeter(space.Model, LandscapeFolders.Texts);
        foreach ((double alpha, LandscapeValue value) in LossLine.Run(space, from, to, meter, 11))
        {
            (double loss, double accuracy) = LandscapeFolders.Exact(
                [.. a.Zip(b, (x, y) => (float)((1 - alpha) * x + alpha * y))], LandscapeFolders.Texts);
            Assert.That(value.Loss, Is.EqualTo(loss).Within(1e-5), $"{alpha}");
            Assert.That(value.Accuracy, Is.EqualTo(accuracy), $"{alpha}");
        }
    }

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.Quick))]
    public void An_ensemble_of_weights_is_that_of_their_models(string device)
    {
        _ = _folders.Write("a", 1);
        _ = _folders.Write("b", 2);
        ComputeDevice on = TestDevice.Open(device);
        using var space = new WeightSpace(on, _folders.At("a"));
        FlatParameters[] models = [space.Keep(), space.Read(_folders.At("b"))];
        int[][] test = [[1, 2, 3], [5, 30]];
        using var meter = new LandscapeMeter(space.Model, LandscapeFolders.Texts, test);
        using LanguageModel a = LanguageModel.Load(on, _folders.At("a")),
            b = LanguageModel.Load(on, _folders.At("b"));
        foreach (EnsembleRule rule in Enum.GetValues<EnsembleRule>())
        {
            TextScore own = TextEvaluation.Run([a, b], rule, LandscapeFolders.Texts, 12, 12),
                other = TextEvaluation.Run([a, b], rule, test, 12, 12);
            Assert.That(meter.Ensemble(space, models, rule), Is.EqualTo(
                new LandscapeValue(own.Loss, own.Accuracy, other.Loss, other.Accuracy)), $"{rule}");
            Assert.That(EnsembleRules.Named(rule.Name(), "Ensemble"), Is.EqualTo(rule));
        }
    }

    [Test]
    public void The_barrier_is_the_largest_rise_above_the_straight_line()
    {
        Assert.That(LossBarrier.Of([0, 0.25, 0.5, 1], [1, 4, 3, 5]), Is.EqualTo(new LossBarrier(2, 0.25)));
        Assert.That(LossBarrier.Of([0, 0.5, 1], [1, 2, 5]).Height, Is.Zero, "below the straight line");
        Assert.That(LossBarrier.Of([0, 1], [1, 5]), Is.EqualTo(new LossBarrier(0, 0)));
        Assert.That(LossBarrier.Of([0, 0.5, 0.75, 1], [1, double.NaN, 9, 1]).Height, Is.NaN);
        Assert.That(() => LossBarrier.Of([0], [1]), Throws.ArgumentException);
    }
}
