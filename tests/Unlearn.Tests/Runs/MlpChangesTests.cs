using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Unlearn.Tests;

public sealed class MlpChangesTests
{
    [Test]
    public void A_weight_counts_for_its_layer_and_its_neuron()
    {
        using var test = new MethodCase();
        var before = WeightSnapshot.Of(test.Model);
        int C = test.Model.Config.Width, I = test.Model.Config.Inner;
        Change(test.Model, "h.1.mlp.c_fc.weight", 3 * I + 5); // neuron 5, from channel 3
        Change(test.Model, "h.1.mlp.c_fc.weight", 4 * I + 5);
        Change(test.Model, "h.1.mlp.c_proj.weight", 7 * C + 2); // neuron 7, into channel 2
        Change(test.Model, "h.1.mlp.c_fc.bias", 9);
        Change(test.Model, "h.1.attn.c_proj.weight", 0);
        Change(test.Model, "wte.weight", 1);
        Change(test.Model, "ln_f.bias", 2);
        MlpChanges found = MlpChanges.Between(before, test.Model);
        LayerChanges layer = found.Layers[1];
        Assert.That((layer.Layer, layer.Weights, layer.MlpWeights, layer.Neurons, layer.RemovedNeurons),
            Is.EqualTo((1, 5L, 3L, 3, 0)));
        Assert.That(layer.NeuronWeights.Index().Where(n => n.Item > 0),
            Is.EqualTo(((int, int)[])[(5, 2), (7, 1), (9, 1)]));
        Assert.That(found.Layers[0].Weights, Is.Zero);
        Assert.That((found.Elsewhere, found.Total), Is.EqualTo((2L, 7L)));
    }

    [Test]
    public void A_neuron_is_removed_when_all_that_enters_it_became_zero()
    {
        using var test = new MethodCase();
        int C = test.Model.Config.Width, I = test.Model.Config.Inner;
        Off(test.Model, 3, bias: true); // before anything is compared
        var before = WeightSnapshot.Of(test.Model);
        Off(test.Model, 4, bias: true);
        Off(test.Model, 6, bias: false);
        Change(test.Model, "h.0.mlp.c_proj.weight", 3 * C);
        LayerChanges layer = MlpChanges.Between(before, test.Model).Layers[0];
        Assert.That(layer.RemovedNeurons, Is.EqualTo(1), "neuron 3 was off before, and 6 keeps its bias");
        Assert.That(layer.Neurons, Is.EqualTo(3));

        void Off(LanguageModel model, int neuron, bool bias)
        {
            Tensor weight = model.Set["h.0.mlp.c_fc.weight"], biases = model.Set["h.0.mlp.c_fc.bias"];
            float[] w = weight.ToArray(), b = biases.ToArray();
            for (int c = 0; c < C; c++)
                w[c * I + neuron] = 0;
            if (bias)
                b[neuron] = 0;
            weight.Upload(w);
            biases.Upload(b);
        }
    }

    static void Change(LanguageModel model, string name, int at)
    {
        float[] values = model.Set[name].ToArray();
        values[at] += 1;
        model.Set[name].Upload(values);
    }
}
