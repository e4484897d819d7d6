namespace HeadTap.Unlearn.Tests;

/// <summary>What is removed of what was scored.</summary>
public sealed class RemovalTests
{
    [Test]
    public void Of_neurons_with_equal_scores_the_lower_go_first()
        => Assert.That(NeuronFinding.Removed([1, 3, 2, 3, 2, 2], 0.5), Is.EqualTo([1, 3, 2]));

    [Test]
    public void A_budget_counts_whole_neurons()
    {
        Assert.That(NeuronFinding.Removed([1, 2, 3], 0.66), Is.EqualTo([2]));
        Assert.That(NeuronFinding.Removed([1, 2, 3], 1), Is.EqualTo([2, 1, 0]));
        Assert.That(NeuronFinding.Removed([1, 2, 3], 0), Is.Empty);
    }

    [Test]
    public void A_removed_neuron_loses_its_bias_too_and_no_other_does()
    {
        using var c = new MethodCase();
        int I = c.Model.Config.Inner, C = c.Model.Config.Width;
        double[] scores = new double[I];
        (scores[4], scores[9]) = (2, 1);
        Dictionary<string, float[]> before = c.Weights();
        new NeuronFinding([scores, new double[I]]).Apply(c.Model, 1.5 / I);
        float[] weight = c.Weights()["h.0.mlp.c_fc.weight"], bias = c.Weights()["h.0.mlp.c_fc.bias"];
        for (int i = 0; i < I; i++)
        {
            Assert.That(bias[i], Is.EqualTo(i == 4 ? 0 : before["h.0.mlp.c_fc.bias"][i]));
            for (int row = 0; row < C; row++)
                Assert.That(weight[row * I + i],
                    Is.EqualTo(i == 4 ? 0 : before["h.0.mlp.c_fc.weight"][row * I + i]));
        }
        Assert.That(c.Weights()["h.1.mlp.c_fc.bias"][0], Is.Zero, "of equals the first");
    }

    [Test]
    public void Of_weights_with_equal_scores_the_lower_go_first()
        => Assert.That(WeightFinding.Highest([1, 3, 2, 3, 2, 2], 3), Is.EqualTo([1, 3, 2]));
}
