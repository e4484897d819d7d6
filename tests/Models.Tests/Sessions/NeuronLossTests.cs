using System.Numerics;
using HeadTap.Kernels.Tests;
using HeadTap.Reference;
using HeadTap.Runtime;

namespace HeadTap.Models.Tests;

public sealed class NeuronLossTests
{
    static readonly ModelConfig Three = TestModel.Small with { Layers = 3 };

    static IEnumerable<TestCaseData> Cases() =>
        from device in TestDevice.Quick
        from c in ((string Name, ModelConfig Config)[])
        [
            ("gelu_new", Three),
            ("relu", Three with { Activation = Activation.Relu }),
            ("untied head, plain scores", Three with { TiedHead = false, ScaleAttention = false }),
        ]
        select new TestCaseData(device, c.Config).SetArgDisplayNames(device, c.Name);

    // The first position attends to itself alone; two trials of one position differ; one text after another.
    [TestCaseSource(nameof(Cases))]
    public void Losses_and_gradients_are_those_of_whole_texts(string device, ModelConfig config)
    {
        using var c = new TestModel(device, config);
        using var loss = new NeuronLoss(c.Model, 6, 11);
        var parts = new List<(string, double[], float[], float[])>();
        foreach ((int[] text, int[] positions, int seed) in ((int[], int[], int)[])
            [(c.Tokens(1, 11), [0, 10, 4, 4, 7], 40), (c.Tokens(2, 5), [4, 1], 50), ([3], [0], 60)])
        {
            loss.Begin(text);
            for (int l = 0; l < config.Layers; l++)
            {
                int[] targets = Numbers.Integers(seed + l, positions.Length, config.VocabSize);
                float[] neurons = Numbers.Normal(seed + 10 + l, positions.Length * config.Inner);
                (float[] losses, float[] gradient) = loss.Run(l, positions, targets, neurons);
                (double[] exactLosses, double[] exact) =
                    Whole(c, c.Exact, text, l, positions, targets, neurons);
                (float[] plainLosses, float[] plain) =
                    Whole(c, c.Plain, text, l, positions, targets, neurons);
                parts.Add(($"losses of {text.Length} tokens, layer {l}", exactLosses, plainLosses, losses));
                parts.Add(($"gradient of {text.Length} tokens, layer {l}", exact, plain, gradient));
            }
        }
        Agreement.PassAtMostTwiceFloat32(parts);
    }

    [Test]
    public void Neurons_as_they_are_give_the_losses_of_the_text()
    {
        using var c = new TestModel("cpu512", Three);
        int[] text = c.Tokens(5, 9);
        using var session = new ModelSession(c.Model, new SessionOptions { MaxTokens = 8 });
        float[] plain = session.TokenLosses(new SequenceBatch([text[..8]]), text.AsSpan(1));
        double[] exact = [.. Enumerable.Range(0, 8).Select(t => Whole(c, c.Exact, text[..(t + 1)], 2, [t],
            [text[t + 1]], null).Losses[0])];
        using var loss = new NeuronLoss(c.Model, 8, 8);
        loss.Begin(text[..8]);
        for (int l = 0; l < 3; l++)
            Agreement.AtMostTwiceFloat32($"layer {l}", exact, plain, loss.Run(
                l, [.. Enumerable.Range(0, 8)], text.AsSpan(1), loss.Neurons(l)).Losses);
    }

    [Test]
    public void What_does_not_fit_is_named()
    {
        using var c = new TestModel("cpu512");
        float[] one = new float[28];
        using var loss = new NeuronLoss(c.Model, 2, 6);
        Assert.That(() => loss.Run(0, [0], [0], one), Throws.InvalidOperationException);
        loss.Begin([1, 2, 3]);
        Assert.That(() => loss.Run(0, [3], [0], one),
            Throws.ArgumentException.With.Message.EqualTo(
                "Position 3 does not exist; the text has 3 tokens."));
        Assert.That(() => loss.Run(2, [0], [0], one),
            Throws.ArgumentException.With.Message.EqualTo("Layer 2 does not exist; there are 2."));
        Assert.That(() => loss.Run(0, [0], [37], one),
            Throws.ArgumentException.With.Message.EqualTo("Target 37 is outside the vocabulary of 37."));
        Assert.That(() => loss.Run(0, [0, 1], [0, 1], one),
            Throws.ArgumentException.With.Message.EqualTo(
                "2 targets and 28 values for 2 trials of 28 neurons."));
        Assert.That(() => loss.Run(0, [0, 1, 2], [0, 1, 2], new float[84]),
            Throws.ArgumentException.With.Message.EqualTo("3 trials; expected 1 to 2."));
        using (c.Model.Attach(new Edit { Site = "blocks.0.hook_resid_pre", Operation = EditOperation.Zero }))
        {
            Assert.That(() => loss.Begin([1]), Throws.InvalidOperationException);
            Assert.That(() => loss.Run(0, [0], [0], one), Throws.InvalidOperationException);
        }
        Assert.That(() => new NeuronLoss(c.Model, 2, 13), Throws.TypeOf<UserException>());
    }

    // A text that ends at the position, its last token's neurons replaced: null leaves them.
    static (TReal[] Losses, TReal[] Gradient) Whole<TReal>(TestModel c,
        IReadOnlyDictionary<string, TReal[]> weights, int[] text, int layer, int[] positions, int[] targets,
        float[]? neurons)
        where TReal : IFloatingPointIeee754<TReal>
    {
        int I = c.Model.Config.Inner;
        TReal[] losses = new TReal[positions.Length], gradient = new TReal[positions.Length * I];
        string site = $"blocks.{layer}.mlp.hook_post";
        for (int n = 0; n < positions.Length; n++)
        {
            int t = positions[n];
            TReal[]? values = neurons?.AsSpan(n * I, I).ToArray()
                .Select(v => TReal.CreateChecked(v)).ToArray();
            ParameterGradients<TReal> g = Gpt2Reference.Backward(c.Sizes, weights, text[..(t + 1)],
                [.. Enumerable.Repeat(-1, t), targets[n]],
                (name, x) => name == site && values is not null ? [.. x[..^I], .. values] : x);
            losses[n] = g.Loss;
            g.Sites[site].AsSpan(t * I, I).CopyTo(gradient.AsSpan(n * I));
        }
        return (losses, gradient);
    }
}
