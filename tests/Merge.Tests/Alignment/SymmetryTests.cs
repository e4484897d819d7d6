using HeadTap.Models;
using MathNet.Numerics.LinearAlgebra;
using static HeadTap.Merge.Tests.SmallDecoders;

namespace HeadTap.Merge.Tests;

/// <summary>Every symmetry of docs/merge.md leaves the logits; what is none does not.</summary>
public class SymmetryTests
{
    // Weights are rounded to float32 once more than before; logits of these models have size 10.
    const double Rounding = 2e-4;

    static int[] Same(int n) => [.. Enumerable.Range(0, n)];

    static BlockSymmetry[] Blocks(ModelConfig config, Func<BlockSymmetry, BlockSymmetry> change)
        => [.. Enumerable.Range(0, config.Layers)
            .Select(_ => change(new BlockSymmetry(Same(config.Inner), Same(config.Heads))))];

    static void AssertSame(DecoderWeights before, DecoderWeights after)
    {
        Assert.That(Furthest(before, after), Is.GreaterThan(0.1), "nothing was changed");
        Assert.That(Furthest(Logits(before), Logits(after)), Is.LessThan(Rounding));
    }

    [TestCase("neurons")]
    [TestCase("heads")]
    [TestCase("query and key")]
    [TestCase("value and output")]
    [TestCase("stream")]
    public void One_symmetry_alone_leaves_the_logits(string which)
    {
        DecoderWeights model = Random(Tied, 1);
        DecoderSymmetry all = Scrambler.Random(Tied, 3, StreamAlignment.Order);
        BlockSymmetry r = all.Blocks[0];
        DecoderSymmetry one = new(which == "stream" ? all.Stream : null, Blocks(Tied, same => which switch
        {
            "neurons" => same with { Neurons = r.Neurons },
            "heads" => same with { Heads = r.Heads },
            "query and key" => same with { QueryKey = r.QueryKey },
            "value and output" => same with { ValueOutput = r.ValueOutput },
            _ => same,
        }));
        AssertSame(model, one.Of(model));
    }

    [TestCaseSource(typeof(SmallDecoders), nameof(All))]
    public void Free_parts_of_another_model_leave_the_logits(ModelConfig config)
    {
        DecoderWeights model = Random(config, 1), changed = model.Copy();
        FreeParts.Copy(Random(config, 2), changed);
        AssertSame(model, changed);
        // Taken back, they are those of before: nothing else was changed.
        FreeParts.Copy(model, changed);
        Assert.That(Furthest(model, changed), Is.LessThan(1e-9));
    }

    [TestCase(Role.QkvBias, 0, false, TestName = "b_Q is not free")]
    [TestCase(Role.QkvBias, 1, true, TestName = "b_K is free")]
    [TestCase(Role.QkvBias, 2, false, TestName = "b_V is not free without b_O")]
    public void Biases(Role role, int third, bool free)
    {
        DecoderWeights model = Random(Tied, 1), changed = model.Copy();
        int C = Tied.Width;
        for (int i = 0; i < C; i++)
            changed[role, 0][third * C + i] += 0.5 * Math.Cos(i);
        double furthest = Furthest(Logits(model), Logits(changed));
        Assert.That(furthest, free ? Is.LessThan(Rounding) : Is.GreaterThan(0.05));
    }

    [TestCaseSource(typeof(SmallDecoders), nameof(All))]
    public void A_scrambled_model_has_the_same_logits(ModelConfig config)
    {
        DecoderWeights model = Random(config, 3);
        AssertSame(model, Scrambler.Scrambled(model, 4));
    }

    [Test]
    public void Folding_leaves_the_logits([Values] bool tied)
    {
        DecoderWeights model = Random(tied ? Tied : UntiedWithoutBias, 3);
        DecoderWeights folded = Folding.Folded(model);
        Assert.That(Folding.IsFolded(folded), Is.True);
        Assert.That(Folding.IsFolded(model), Is.False);
        Assert.That(Furthest(Logits(model), Logits(folded)), Is.LessThan(Rounding));
    }

    [Test]
    public void A_rotation_that_keeps_the_mean_leaves_the_logits_of_a_folded_model()
    {
        DecoderWeights model = Folding.Folded(Random(Tied, 3));
        AssertSame(model, Scrambler.Scrambled(model, 5, StreamAlignment.Rotation));
        // Not of one whose LayerNorms have gains,
        Assert.That(() => Scrambler.Scrambled(Random(Tied, 3), 5, StreamAlignment.Rotation),
            Throws.ArgumentException);
        // and not if it turns the mean away.
        var random = new SeededRandom(6);
        Matrix<double> any = Matrix<double>.Build.Dense(Tied.Width, Tied.Width,
            (_, _) => random.NextNormal()).QR().Q;
        DecoderWeights turned = new DecoderSymmetry(new StreamRotation(any), Blocks(Tied, same => same))
            .Of(model);
        Assert.That(Furthest(Logits(model), Logits(turned)), Is.GreaterThan(0.1));
    }

    [Test]
    public void Scrambling_repeats_by_its_seed()
    {
        DecoderWeights model = Random(Tied, 3);
        Assert.That(Scrambler.Scrambled(model, 4).ToFlat(),
            Is.EqualTo(Scrambler.Scrambled(model, 4).ToFlat()));
        Assert.That(Furthest(Scrambler.Scrambled(model, 4), Scrambler.Scrambled(model, 5)),
            Is.GreaterThan(0.1));
    }
}
