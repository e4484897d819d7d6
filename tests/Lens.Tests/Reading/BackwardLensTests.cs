using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Lens.Tests;

public sealed class BackwardLensTests
{
    static readonly ModelConfig s_config =
        new() { VocabSize = 37, ContextLength = 12, Width = 20, Layers = 2, Heads = 4, Inner = 28 };

    static readonly int[] s_prompt = [3, 14, 15, 9, 2];
    static readonly int[] s_answer = [-1, -1, -1, -1, 7];

    static LanguageModel Random(ComputeDevice device)
    {
        var model = new LanguageModel(device, s_config);
        model.Initialize(3, 0.3f);
        return model;
    }

    [Test]
    public void The_factors_give_the_gradients_of_the_weights_again()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = Random(device);
        foreach (int[] targets in (int[][])[s_answer, [14, 15, 9, 2, -1]])
        {
            var lens = BackwardLens.Read(model, s_prompt, targets);
            Assert.That(lens.Layers.Select(l => l.Layer), Is.EqualTo((int[])[0, 1]));
            foreach (GradientFactors layer in lens.Layers)
            {
                // A sum of five products in float32, against its largest element.
                Assert.That(layer.InError, Is.LessThan(5 * 1.2e-7), $"layer {layer.Layer}");
                Assert.That(layer.OutError, Is.LessThan(5 * 1.2e-7), $"layer {layer.Layer}");
            }
        }
    }

    [Test]
    public void The_shift_is_the_gradient_of_what_the_block_writes()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = Random(device);
        var lens = BackwardLens.Read(model, s_prompt, s_answer);
        double At(float step)
        {
            float[] row = new float[20];
            row[6] = step;
            using IDisposable edit = model.Attach(new Edit
            {
                Site = new SitePattern(Site.MlpOut(0).Name), Operation = EditOperation.Add,
                Value = EditValue.Numbers(row), Positions = EditPositions.List([2]),
            });
            using var session = new ModelSession(model, new SessionOptions { MaxTokens = 5 });
            return session.Loss(new SequenceBatch([s_prompt]), s_answer);
        }
        const float Step = 1f / 64;
        Assert.That(lens.Layers[0].Shifts[2 * 20 + 6],
            Is.EqualTo((At(Step) - At(-Step)) / (2 * Step)).Within(1e-4));
        Assert.That(lens.Loss, Is.EqualTo(At(0)).Within(1e-6));
    }

    // Behind the last block the only way to the loss is the head: a step raises the answer most.
    [Test]
    public void A_step_at_the_last_block_raises_the_answer()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = Random(device);
        IReadOnlyList<GradientWords> words = BackwardLens.Read(model, s_prompt, s_answer).Words(1, 37);
        Assert.That(words[4].Raised[0].Id, Is.EqualTo(7));
        Assert.That(words[4].Lowered[^1].Id, Is.EqualTo(7));
        Assert.That(words[4].Raised.Select(t => t.Id),
            Is.EqualTo(words[4].Lowered.Reverse().Select(t => t.Id)));
        Assert.That(words[4].Strength, Is.GreaterThan(0));
        Assert.That(words.Take(4).Select(w => w.Strength), Is.All.Zero,
            "earlier positions of the last block do not reach the loss");
    }

    [Test]
    public void The_imprint_is_read_with_the_unembedding()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = Random(device);
        var lens = BackwardLens.Read(model, s_prompt, s_answer);
        float[] gain = model.Weights.FinalNormWeight.ToArray(), unembed = model.Weights.Head.ToArray();
        float[] x = lens.Layers[0].Inputs[(3 * 20)..(4 * 20)];
        double mean = x.Average(v => (double)v);
        double[] logits = [.. Enumerable.Range(0, 37).Select(v => Enumerable.Range(0, 20)
            .Sum(c => (x[c] - mean) * gain[c] * unembed[v * 20 + c]))];
        Assert.That(lens.Words(0, 3)[3].Imprint.Select(t => t.Id), Is.EqualTo(
            Enumerable.Range(0, 37).OrderByDescending(v => logits[v]).Take(3)));
    }
}
