using HeadTap.Models;
using HeadTap.Runtime;
using static HeadTap.Merge.Tests.SmallDecoders;

namespace HeadTap.Merge.Tests;

/// <summary>Alignments that run the models: activations, straight-through, rescaling, and the
/// barrier.</summary>
public class ActivationMatchingTests
{
    static int[][] Texts(int rows, int length)
    {
        var random = new SeededRandom(12);
        return [.. Enumerable.Range(0, rows).Select(r => Enumerable.Range(0, length - r % 3)
            .Select(_ => random.Next(Tied.VocabSize)).ToArray())];
    }

    static void With(ModelConfig config, Action<TextLoss> test, bool gradients = false)
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using var loss = new TextLoss(device, config, Texts(40, 16), gradients);
        test(loss);
    }

    static DecoderWeights Rounded(DecoderWeights weights)
        => DecoderWeights.Of(weights.Config, weights.ToFlat());

    [TestCaseSource(typeof(SmallDecoders), nameof(All))]
    public void Activations_undo_a_scrambling(ModelConfig config) => With(config, loss =>
    {
        DecoderWeights model = Random(config, 3), moved = Rounded(Scrambler.Scrambled(model, 4));
        ModelAlignment found = ModelAlignment.Of(model, moved, AlignmentBy.Activations, new(), loss);
        Assert.That(Furthest(model, found.Aligned), Is.LessThan(1e-3));
    });

    [Test]
    public void The_barrier_of_a_scrambled_model_falls_to_0(
        [Values(AlignmentBy.Weights, AlignmentBy.Activations, AlignmentBy.StraightThrough)] AlignmentBy by)
    {
        DecoderWeights model = Random(Tied, 3), moved = Rounded(Scrambler.Scrambled(model, 4));
        using ComputeDevice device = ComputeDevice.OpenHost();
        using var loss = new TextLoss(device, Tied, Spoken(model, 24, 12), gradients: true);
        ModelAlignment found = ModelAlignment.Of(model, moved, by, new(), loss, new() { Steps = 2 });
        float[] a = model.ToFlat();
        double before = LineLosses.Between(loss, a, moved.ToFlat(), 5).Height;
        double after = LineLosses.Between(loss, a, found.Aligned.ToFlat(), 5).Height;
        TestContext.Out.WriteLine($"{by}: {before} before, {after} after");
        Assert.That(before, Is.GreaterThan(1));
        Assert.That(after, Is.LessThan(1e-4));
        Assert.That(found.StreamMoved, Is.GreaterThan(0.8));
        Assert.That(found.Layers, Has.Count.EqualTo(2));
        Assert.That(found.Layers[0].NeuronsMoved, Is.GreaterThan(0.9));
    }

    [Test]
    public void Activations_undo_a_rotation()
    {
        DecoderWeights model = Folding.Folded(Random(Tied, 3));
        With(model.Config, loss =>
        {
            DecoderWeights moved = Rounded(Scrambler.Scrambled(model, 5, StreamAlignment.Rotation));
            ModelAlignment found = ModelAlignment.Of(model, moved, AlignmentBy.Activations,
                new() { Stream = StreamAlignment.Rotation }, loss);
            Assert.That(Furthest(model, found.Aligned), Is.LessThan(1e-3));
            Assert.That(found.StreamMoved, Is.Null);
        });
    }

    [Test]
    public void Straight_through_is_at_least_as_good_at_the_middle_as_weights() => With(Tied, loss =>
    {
        DecoderWeights a = Random(Tied, 3), b = Random(Tied, 8);
        double Middle(AlignmentBy by) => loss.Of(LineLosses.Place(a.ToFlat(), ModelAlignment.Of(a, b, by,
            new(), loss, new() { Steps = 8, LearningRate = 0.02 }).Aligned.ToFlat(), 0.5));
        double weights = Middle(AlignmentBy.Weights), learnt = Middle(AlignmentBy.StraightThrough);
        TestContext.Out.WriteLine($"{weights} by weights, {learnt} learnt");
        Assert.That(learnt, Is.LessThan(weights));
    }, gradients: true);

    [Test]
    public void A_rescaled_place_has_the_moments_between_those_of_the_ends() => With(Tied, loss =>
    {
        float[] a = Random(Tied, 3).ToFlat(), b = Random(Tied, 8).ToFlat();
        using var repair = new Repair(loss, a, b);
        Assert.That(Furthest(repair.Of(0, a).Select(v => (double)v).ToArray(),
            a.Select(v => (double)v).ToArray()), Is.LessThan(1e-4));
        float[] middle = LineLosses.Place(a, b, 0.5), rescaled = repair.Of(0.5, middle);
        Site site = new(SiteKind.MlpPre, 1);
        (double Mean, double Deviation)[] ends = [Moments(loss, a, site), Moments(loss, b, site)];
        (double Mean, double Deviation) now = Moments(loss, rescaled, site);
        Assert.That(now.Mean, Is.EqualTo((ends[0].Mean + ends[1].Mean) / 2).Within(1e-4));
        Assert.That(now.Deviation, Is.EqualTo((ends[0].Deviation + ends[1].Deviation) / 2).Within(1e-4));
        Assert.That(Moments(loss, middle, site).Deviation, Is.Not.EqualTo(now.Deviation).Within(1e-2));
    });

    // Of unit 7, in float64 and by plain loops.
    static (double Mean, double Deviation) Moments(TextLoss loss, float[] flat, Site site)
    {
        DecoderWeights weights = DecoderWeights.Of(Tied, flat);
        var decoder = new Float64Decoder(Tied, name => flat.AsSpan((int)weights.Layout[name].Offset,
            (int)weights.Layout[name].Length).ToArray());
        List<double> values = [];
        foreach (int[] text in Texts(40, 16))
            decoder.Run(text, (name, shape, all) =>
            {
                if (name == site.Name)
                    values.AddRange(all.Where((_, i) => i % shape[1] == 7));
            });
        double mean = values.Average();
        return (mean, Math.Sqrt(values.Average(v => (v - mean) * (v - mean))));
    }

    [Test]
    public void The_barrier_is_the_highest_excess_over_the_line_between_the_ends()
    {
        Assert.That(new LineLosses([0, 0.25, 0.5, 1], [1, 2.5, 2, 3]).Height, Is.EqualTo(1));
        Assert.That(new LineLosses([0, 0.5, 1], [1, 0.5, 1]).Height, Is.Zero);
        Assert.That(new LineLosses([0, 0.5, 1], [1, double.NaN, 1]).Height, Is.NaN);
    }

    [Test]
    public void Models_that_cannot_be_aligned_are_refused() => With(Tied, loss =>
    {
        DecoderWeights a = Random(Tied, 3);
        Assert.That(() => ModelAlignment.Of(a, Random(Tied with { Heads = 8 }, 3), AlignmentBy.Weights,
            new()), Throws.TypeOf<UserException>().With.Message.Contains("n_head is 8 and 4"));
        Assert.That(() => ModelAlignment.Of(a, Random(Tied, 8), AlignmentBy.Weights,
            new() { Stream = StreamAlignment.Rotation }), Throws.TypeOf<UserException>()
            .With.Message.Contains("folded"));
        Assert.That(() => ModelAlignment.Of(a, Random(Tied, 8), AlignmentBy.Activations, new()),
            Throws.ArgumentException);
    });
}
