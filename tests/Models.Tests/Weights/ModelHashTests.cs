using HeadTap.Runtime;

namespace HeadTap.Models.Tests;

/// <summary>What names a model: its weights, and config values that change what is computed from
/// them.</summary>
sealed class ModelHashTests
{
    static readonly ModelConfig[] Others =
    [
        ModelConfig.Tiny with { Heads = 2 },
        ModelConfig.Tiny with { Activation = Activation.GeluExact },
        ModelConfig.Tiny with { Activation = Activation.Relu },
        ModelConfig.Tiny with { LayerNormEpsilon = 1e-6f },
        ModelConfig.Tiny with { ScaleAttention = false },
        ModelConfig.Tiny with { ScaleAttentionByLayer = true },
        ModelConfig.Tiny with { ScaleAttention = false, ScaleAttentionByLayer = true },
    ];

    [Test]
    public void Another_computation_of_the_same_weights_is_another_model()
    {
        using var folder = new TemporaryFolder();
        using ComputeDevice device = ComputeDevice.OpenHost();
        var files = new HashSet<string>();
        var weights = new HashSet<string>();
        foreach (ModelConfig config in (ModelConfig[])[ModelConfig.Tiny, .. Others])
        {
            using var model = new LanguageModel(device, config);
            model.Initialize(1);
            model.Save(folder["m"]);
            Assert.That(files.Add(ModelFolder.Hash(folder["m"])), $"{config}");
            Assert.That(weights.Add(WeightHash.Of(model)), $"{config}");
            Assert.That(ModelFolder.Hash(folder["m"]), Does.Match("^[0-9a-f]{64}$"));
        }
    }

    [Test]
    public void Other_values_do_not_matter()
    {
        using var folder = new TemporaryFolder();
        float[] flat = new float[new ParameterLayout(ModelConfig.Tiny).TotalLength];
        ModelFolder.Write(folder["a"], ModelConfig.Tiny, flat);
        ModelFolder.Write(folder["b"], ModelConfig.Tiny with { BosToken = 3, ResidualDropout = 0 }, flat);
        Assert.That(ModelFolder.Hash(folder["b"]), Is.EqualTo(ModelFolder.Hash(folder["a"])));
        Assert.That(ModelFolder.Hash(folder["a"]), Is.EqualTo(ModelFolder.WeightsHash(folder["a"])));
    }

    [TestCase(768, 12)]
    [TestCase(1600, 25)]
    [TestCase(192, 6)]
    [TestCase(32, 4)]
    public void The_usual_number_of_heads_leaves_the_hash_of_the_weights(int width, int heads)
    {
        ModelConfig config = ModelConfig.Tiny with { Width = width, Heads = heads };
        Assert.That(ModelHash.Of("w", config), Is.EqualTo("w"));
        Assert.That(ModelHash.Of("w", config with { Heads = 1 }), Is.Not.EqualTo("w"));
    }
}
