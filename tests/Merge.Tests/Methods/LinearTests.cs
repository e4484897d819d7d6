using HeadTap.Reference;
using HeadTap.Runtime;

namespace HeadTap.Merge.Tests;

public class LinearTests
{
    static TensorSettings Weights(params double[] weights)
    {
        var settings = new TensorSettings();
        for (int m = 0; m < weights.Length; m++)
            settings.With(MergeParameter.Weight, m, weights[m]);
        return settings;
    }

    [TestCase(true), TestCase(false)]
    public void It_is_the_weighted_sum(bool normalize)
    {
        HeldTensor tensor = Tensors.Around(3, 5, 401, out _, out float[][] models);
        double[] weights = [0.3, 1.2, -0.25];
        double divisor = normalize ? weights.Sum() : 1;
        Tensors.AssertRounded(
            new Linear().Merged(tensor, Weights(weights).With(Linear.Normalize, normalize ? 1 : 0)),
            MergeReference.Sum([.. models.Select(Tensors.Wide)], [.. weights.Select(w => w / divisor)]));
    }

    [Test]
    public void Weights_1_and_0_give_the_first_model_to_the_bit()
    {
        float[] first = [-0f, 1e-42f, 3, -7.1f], second = [1, 2, 3, 4];
        var tensor = new HeldTensor("w", [4], [first, second]);
        Assert.That(new Linear().Merged(tensor, Weights(1, 0)).Select(BitConverter.SingleToInt32Bits),
            Is.EqualTo(first.Select(BitConverter.SingleToInt32Bits)));
    }

    [TestCase(2), TestCase(3), TestCase(7)]
    public void Equal_models_give_themselves(int models)
    {
        float[] model = Tensors.Normal(5, 997);
        var tensor = new HeldTensor("w", [997], [.. Enumerable.Repeat(model, models)]);
        Assert.That(new Linear().Merged(tensor), Is.EqualTo(model));
    }

    [Test]
    public void Weights_that_cancel_are_refused()
        => Assert.That(() => new Linear().Merged(new HeldTensor("w", [1], [[1f], [2f]]), Weights(1, -1)),
            Throws.TypeOf<UserException>().With.Message.EqualTo(
                "w: the weights add up to 0 and cannot be normalised"));
}
