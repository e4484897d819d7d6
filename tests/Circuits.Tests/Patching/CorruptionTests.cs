using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Circuits.Tests;

public sealed class CorruptionTests
{
    [Test]
    public void Noise_has_its_deviation_and_touches_its_positions_alone()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = PatchModel.Open(device);
        float[] table = model.Set["wte.weight"].ToArray();
        double mean = table.Average(x => (double)x);
        double expected = Math.Sqrt(table.Average(x => (x - mean) * (x - mean)));
        double deviation = EmbeddingNoise.DeviationOf(model);
        Assert.That(deviation, Is.EqualTo(expected).Within(1e-12));

        var noise = new EmbeddingNoise([-2, 1], 3);
        using var session = new ModelSession(model, new SessionOptions
        {
            MaxTokens = 6, Record = [Site.Embed],
        });
        float[] Embedding(PatchInput input)
        {
            using (model.Attach(input.Edits))
                session.Forward(new SequenceBatch([input.Tokens]));
            return session.Recordings[Site.Embed].ToArray();
        }
        float[] own = Embedding(new PatchInput(PatchModel.Clean));
        var random = new SeededRandom(8);
        var drawn = new List<double>();
        const int Samples = 200;
        for (int s = 0; s < Samples; s++)
        {
            float[] noisy = Embedding(noise.Corrupt(PatchModel.Clean, 20, deviation, random));
            for (int i = 0; i < own.Length; i++)
                if (i / 20 is 1 or 4)
                    drawn.Add(noisy[i] - own[i]);
                else
                    Assert.That(noisy[i], Is.EqualTo(own[i]));
        }
        // n normal numbers: the mean errs by s / sqrt(n), the deviation by s / sqrt(2 n); five of them.
        double sigma = 3 * deviation, n = drawn.Count;
        Assert.That(drawn.Average(), Is.EqualTo(0).Within(5 * sigma / Math.Sqrt(n)));
        Assert.That(Math.Sqrt(drawn.Average(x => x * x)),
            Is.EqualTo(sigma).Within(5 * sigma / Math.Sqrt(2 * n)));
        Assert.That(Embedding(noise.Corrupt(PatchModel.Clean, 20, deviation, new SeededRandom(8))),
            Is.EqualTo(Embedding(noise.Corrupt(PatchModel.Clean, 20, deviation, new SeededRandom(8)))));
    }

    /// <summary>The corrupted run has its noise below every patch, as a whole pass with both has.</summary>
    [TestCase(SiteKind.ResidPre, PatchAxis.Position), TestCase(SiteKind.Z, PatchAxis.Head),
        TestCase(SiteKind.MlpOut, PatchAxis.Position)]
    public void Cells_of_a_noisy_run_have_the_bits_of_whole_passes(SiteKind kind, PatchAxis axis)
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = PatchModel.Open(device);
        PatchInput noisy = new EmbeddingNoise([1, 2], 3).Corrupt(PatchModel.Clean, 20,
            EmbeddingNoise.DeviationOf(model), new SeededRandom(4));
        var metric = new AnswerMetric(MetricKind.LogProbability, 11);
        var grid = new PatchGrid { Kind = kind, Axis = axis, Layers = [0, 2] };
        using var sweep = new PatchSweep(model, grid, 6);
        PatchedPair found = sweep.Run(
            new PatchContrast(new(PatchModel.Clean), noisy, PositionPairs.Same(6)), metric);
        using var whole = new ModelSession(model, new SessionOptions
        {
            MaxTokens = 6, Logits = LogitsAt.Last, Record = [new Site(kind, 0), new Site(kind, 2)],
        });
        var rows = new SequenceBatch([PatchModel.Clean]);
        whole.Forward(rows);
        Assert.That(found.Clean, Is.EqualTo(metric.Value(whole.Logits.ToArray())));
        var clean = ((int[])[0, 2]).ToDictionary(l => l, l => whole.Recordings[new Site(kind, l)].ToArray());
        int[] shape = whole.Recordings[new Site(kind, 0)].Shape;
        using (model.Attach(noisy.Edits))
        {
            whole.Forward(rows);
            Assert.That(found.Corrupt, Is.EqualTo(metric.Value(whole.Logits.ToArray())));
            Assert.That(found.Corrupt, Is.Not.EqualTo(found.Clean));
            foreach ((PatchCell cell, double value) in found.Cells.Zip(found.Values))
                using (model.Attach(new Edit
                {
                    Site = new Site(kind, cell.Layer), Operation = EditOperation.Patch, Head = cell.Head,
                    Value = EditValue.Recorded(clean[cell.Layer], shape),
                    Positions = cell.Position is { } p ? EditPositions.List([p]) : EditPositions.All,
                }))
                {
                    whole.Forward(rows);
                    Assert.That(value, Is.EqualTo(metric.Value(whole.Logits.ToArray())), $"{cell}");
                }
        }
    }

    [TestCase(new int[0], 3.0, "no position gets noise"), TestCase(new[] { 6 }, 3.0, "position 6 gets noise"),
        TestCase(new[] { -7 }, 3.0, "position -7 gets noise"),
        TestCase(new[] { 1 }, 0.0, "scale of the noise"),
        TestCase(new[] { 1 }, double.NaN, "scale of the noise")]
    public void Noise_that_does_not_fit_is_refused(int[] positions, double scale, string said)
        => Assert.That(() => new EmbeddingNoise(positions, scale).Validate(6),
            Throws.TypeOf<UserException>().With.Message.Contains(said));

    [Test]
    public void Prompts_are_drawn_once_each_from_those_as_long_as_the_clean_one()
    {
        int[][] rows = [[1, 2], [3, 4, 5], [6, 7, 8], [3, 4, 5], [9, 9, 9], [1, 1, 1]];
        IReadOnlyList<int[]> drawn = ResampledPrompts.Draw(rows, [1, 1, 1], 9, new SeededRandom(1), "f");
        Assert.That(drawn.Select(r => r[0]), Is.EquivalentTo((int[])[3, 6, 9]));
        var first = new HashSet<int>();
        for (ulong seed = 0; seed < 40; seed++) // each of 3 is missed with probability (2/3)^40
            first.Add(ResampledPrompts.Draw(rows, [1, 1, 1], 1, new SeededRandom(seed), "f").Single()[0]);
        Assert.That(first, Is.EquivalentTo((int[])[3, 6, 9]));
        Assert.That(() => ResampledPrompts.Draw(rows, [1], 1, new SeededRandom(1), "F"),
            Throws.TypeOf<UserException>().With.Message.EqualTo(
                "F has no other prompt of 1 token, as the clean one has; expected at least one"));
    }
}
