using HeadTap.Models;
using static HeadTap.Merge.Tests.SmallDecoders;

namespace HeadTap.Merge.Tests;

public class WeightMatchingTests
{
    static readonly AlignmentOptions s_order = new();

    [TestCaseSource(typeof(SmallDecoders), nameof(All))]
    public void It_undoes_a_scrambling(ModelConfig config)
    {
        DecoderWeights model = Random(config, 3);
        DecoderWeights moved = DecoderWeights.Of(config, Scrambler.Scrambled(model, 4).ToFlat());
        DecoderWeights back = WeightMatching.Match(model, moved, s_order).Of(moved);
        FreeParts.Copy(model, back);
        Assert.That(Furthest(model, back), Is.LessThan(1e-4));
    }

    [Test]
    public void Assignments_are_the_inverse_of_those_that_scrambled()
    {
        DecoderWeights model = Random(Tied, 3);
        DecoderSymmetry scrambling = Scrambler.Random(Tied, 9, StreamAlignment.Order);
        DecoderSymmetry found = WeightMatching.Match(model, scrambling.Of(model), s_order);
        static int[] Inverse(int[] order) => [.. Enumerable.Range(0, order.Length)
            .Select(i => Array.IndexOf(order, i))];
        Assert.That(((StreamOrder)found.Stream!).Order,
            Is.EqualTo(Inverse(((StreamOrder)scrambling.Stream!).Order)));
        foreach ((BlockSymmetry made, BlockSymmetry undone) in scrambling.Blocks.Zip(found.Blocks))
        {
            Assert.That(undone.Neurons, Is.EqualTo(Inverse(made.Neurons)));
            Assert.That(undone.Heads, Is.EqualTo(Inverse(made.Heads)));
        }
    }

    [Test]
    public void It_undoes_a_rotation_of_the_stream()
    {
        DecoderWeights model = Folding.Folded(Random(Tied, 3));
        DecoderWeights moved = Scrambler.Scrambled(model, 5, StreamAlignment.Rotation);
        moved = DecoderWeights.Of(moved.Config, moved.ToFlat());
        DecoderWeights back = WeightMatching.Match(model, moved,
            s_order with { Stream = StreamAlignment.Rotation }).Of(moved);
        FreeParts.Copy(model, back);
        Assert.That(Furthest(model, back), Is.LessThan(1e-4));
    }

    [Test]
    public void Another_model_keeps_its_logits_and_every_round_gains()
    {
        DecoderWeights a = Random(Tied, 3), b = Random(Tied, 8);
        List<double> totals = [];
        DecoderWeights aligned = WeightMatching.Match(a, b, s_order, (_, total) => totals.Add(total)).Of(b);
        FreeParts.Copy(a, aligned);
        Assert.That(Furthest(Logits(b), Logits(aligned)), Is.LessThan(1e-3));
        Assert.That(totals, Is.Ordered);
        Assert.That(totals, Has.Count.InRange(2, 100));
    }

    [Test]
    public void Blocks_tell_channels_apart_that_tokens_do_not()
    {
        DecoderWeights model = Random(Tied, 3);
        // Six channels in which all that the models share from the start is alike.
        foreach (ParameterSlice slice in model.Layout.Slices)
            if (slice.Role is Role.TokenEmbedding or Role.PositionEmbedding or Role.ProjBias
                or Role.MlpOutBias or Role.FinalNormWeight or Role.FinalNormBias)
                for (int i = 0; i < slice.Length; i++)
                    if (i % Tied.Width < 6)
                        model[slice.Role, slice.Layer][i] = slice.Role.IsNormGain() ? 1 : 0;
        for (int l = 0; l < Tied.Layers; l++) // of which value biases are a part
            Array.Clear(model[Role.QkvBias, l]);
        for (int l = 0; l < Tied.Layers; l++)
            Array.Clear(model[Role.Norm1Bias, l]);
        DecoderSymmetry scrambling = Scrambler.Random(Tied, 4, StreamAlignment.Order);
        DecoderWeights moved = scrambling.Of(model);
        DecoderWeights back = WeightMatching.Match(model, moved, s_order).Of(moved);
        Assert.That(Furthest(model, back), Is.LessThan(1e-4));
    }

    [Test]
    public void Two_calls_give_the_same_bits()
    {
        DecoderWeights a = Random(Tied, 3), b = Random(Tied, 8);
        float[] Aligned() => ModelAlignment.Of(a, b, AlignmentBy.Weights, s_order).Aligned.ToFlat();
        Assert.That(Aligned(), Is.EqualTo(Aligned()));
    }

    [Test]
    public void A_dead_head_is_matched_too()
    {
        DecoderWeights model = Random(Tied, 3);
        Array.Clear(model[Role.ProjWeight, 1], 0, Tied.HeadWidth * Tied.Width);
        DecoderWeights moved = Scrambler.Scrambled(model, 4);
        DecoderWeights back = WeightMatching.Match(model, moved, s_order).Of(moved);
        FreeParts.Copy(model, back);
        Assert.That(Furthest(Logits(model), Logits(back)), Is.LessThan(2e-4));
    }
}
