using HeadTap.Kernels.Tests;
using HeadTap.Runtime;

namespace HeadTap.Models.Tests;

/// <summary>A logit as a sum over summands of the stream.</summary>
public sealed class FrozenHeadTests
{
    static readonly ModelConfig s_config = new()
    {
        VocabSize = 19, ContextLength = 4, Width = 10, Layers = 1, Heads = 2, Inner = 7,
    };

    static LanguageModel Open(ComputeDevice device, bool headBias)
    {
        var model = new LanguageModel(device, s_config with { TiedHead = false, HeadBias = headBias });
        foreach (ParameterSlice slice in model.Parameters.Slices)
            model.Set[slice.Name].Upload(
                Numbers.Normal((int)slice.Offset + 1, (int)slice.Length, 0.3f, 0.7f));
        return model;
    }

    // The textbook: the norm of the whole stream, and the product with the unembedding, in float64.
    static double Logit(LanguageModel model, double[] stream, int token)
    {
        float[] gain = model.Weights.FinalNormWeight.ToArray(), shift = model.Weights.FinalNormBias.ToArray(),
            head = model.Weights.Head.ToArray();
        double scale = Scale(stream), mean = stream.Average();
        return stream.Select((x, c) => ((x - mean) / scale * gain[c] + shift[c])
            * head[token * stream.Length + c]).Sum() + (model.Weights.HeadBias?.ToArray()[token] ?? 0);
    }

    static double Scale(double[] stream)
    {
        double mean = stream.Average();
        return Math.Sqrt(stream.Average(x => (x - mean) * (x - mean)) + s_config.LayerNormEpsilon);
    }

    [Test]
    public void What_summands_add_sums_to_the_logit([Values] bool headBias, [Values(null, 3)] int? less)
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = Open(device, headBias);
        float[][] summands = [.. Enumerable.Range(0, 3).Select(i => Numbers.Normal(40 + i, 10, 0.5f, 1f))];
        double[] stream = [.. Enumerable.Range(0, 10).Select(c => summands.Sum(r => (double)r[c]))];
        var head = new FrozenHead(model);
        double[] unembedding = head.Unembedding(11, less), direction = head.Direction(unembedding);
        double found = summands.Sum(r => FrozenHead.Product(r, direction)) / Scale(stream)
            + head.Shift(unembedding) + head.Bias(11, less);
        double expected = Logit(model, stream, 11) - (less is { } other ? Logit(model, stream, other) : 0);
        Assert.That(found, Is.EqualTo(expected).Within(1e-12).And.Not.EqualTo(0).Within(0.1));
    }

    [Test]
    public void Normalized_rows_are_those_of_the_formula()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = Open(device, false);
        float[] rows = Numbers.Normal(7, 30, 0.4f, 2f), gain = model.Weights.FinalNormWeight.ToArray();
        float[] found = new FrozenHead(model).Normalized(rows, 1.7f);
        for (int i = 0; i < rows.Length; i++)
        {
            double mean = rows.Skip(i / 10 * 10).Take(10).Average(x => (double)x);
            Assert.That(found[i], Is.EqualTo((float)((rows[i] - mean) / 1.7f * gain[i % 10])).Within(1).Ulps);
        }
    }

    [Test]
    public void A_token_outside_is_refused()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = Open(device, true);
        var head = new FrozenHead(model);
        Assert.That(() => head.Unembedding(19), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => head.Bias(0, -1), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => FrozenHead.Product([1f], [1, 2]), Throws.InstanceOf<ArgumentOutOfRangeException>());
    }
}
