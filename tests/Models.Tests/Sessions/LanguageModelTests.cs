using HeadTap.Kernels.Tests;
using HeadTap.Reference;
using HeadTap.Runtime;

namespace HeadTap.Models.Tests;

/// <summary>
/// A model folder through the product, on every device that runs whole models in a test's time.
/// </summary>
public class LanguageModelTests
{
    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.Quick))]
    public void The_tiny_model_gives_its_recorded_logits(string device)
    {
        TinyGolden golden = TinyGolden.Read(TinyGolden.Folder);
        using LanguageModel model = LanguageModel.Load(TestDevice.Open(device), TinyGolden.Folder);
        float[] plain = Gpt2Reference.Forward(ReferenceSizes.Of(model.Config), Weights(model),
            golden.Tokens)["logits"];
        Agreement.AtMostTwiceFloat32("logits", [.. golden.Logits.SelectMany(row => row)], plain,
            Logits(model, golden.Tokens));
    }

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.Quick))]
    public void Ten_steps_of_AdamW_give_the_recorded_losses(string device)
    {
        TinyGolden golden = TinyGolden.Read(TinyGolden.Folder);
        using LanguageModel model = LanguageModel.Load(TestDevice.Open(device), TinyGolden.Folder);
        float[] plain = Plain(ReferenceSizes.Of(model.Config), Weights(model), golden);
        long n = model.Parameters.TotalLength;
        using var arena = new TensorArena(model.Device, 3 * n + 64);
        var gradients = new ParameterGradients(arena, model.Parameters);
        Tensor m = arena.Cut("m", (int)n), v = arena.Cut("v", (int)n);
        model.Ops.Fill(m, 0);
        model.Ops.Fill(v, 0);
        using var session = new ModelSession(model, new SessionOptions
        {
            MaxTokens = golden.Tokens.Length, Backward = true,
        });
        var batch = new SequenceBatch(golden.Tokens);
        float[] losses = new float[10];
        for (int step = 1; step <= 10; step++)
        {
            gradients.Clear(model.Ops);
            (double sum, int count) = session.ForwardBackward(batch, golden.Targets, gradients, 1f / 15);
            losses[step - 1] = (float)(sum / count);
            model.Ops.AdamW(gradients.Set.Blocks[0], model.Set.Blocks[0], m, v, new AdamWStep(
                (float)TinyGolden.LearningRate, (float)TinyGolden.Beta1, (float)TinyGolden.Beta2,
                (float)TinyGolden.Epsilon, 0, step));
        }
        Agreement.AtMostTwiceFloat32("losses", golden.TrainingLosses, plain, losses);
    }

    [Test, Combinatorial]
    public void A_saved_model_comes_back_to_the_bit(
        [ValueSource(typeof(TestDevice), nameof(TestDevice.Quick))] string device,
        [Values] bool tied, [Values] bool bias)
    {
        using var test = new TestModel(device, TestModel.Small with
        {
            TiedHead = tied, HeadBias = bias, Activation = Activation.GeluExact, ScaleAttention = tied,
            LayerNormEpsilon = 3e-5f, BosToken = 1, EosToken = 36,
        });
        using var folder = new TemporaryFolder();
        test.Model.Save(folder["model"]);
        using LanguageModel loaded = LanguageModel.Load(test.Model.Device, folder["model"]);
        Assert.That(loaded.Config, Is.EqualTo(test.Model.Config));
        foreach (ParameterSlice slice in test.Model.Parameters.Slices)
            Assert.That(loaded.Set[slice.Name].ToArray(), Is.EqualTo(test.Plain[slice.Name]), slice.Name);
        Assert.That(Logits(loaded, test.Tokens(1, 7)), Is.EqualTo(Logits(test.Model, test.Tokens(1, 7))));
    }

    [Test]
    public void A_damaged_folder_leaves_no_memory_behind()
    {
        using var test = new TestModel("cpu512");
        using var folder = new TemporaryFolder();
        test.Model.Save(folder["model"]);
        string weights = Path.Combine(folder["model"], "model.safetensors");
        File.WriteAllBytes(weights, File.ReadAllBytes(weights)[..^100]);
        long before = test.Model.Device.LiveBytes;
        BadInput.Refused(() => LanguageModel.Load(test.Model.Device, folder["model"]), "model.safetensors");
        Assert.That(test.Model.Device.LiveBytes, Is.EqualTo(before));
    }

    [Test]
    public void Random_weights_are_GPT2s_and_follow_the_seed()
    {
        using var model = new LanguageModel(TestDevice.Open("cpu512"), ModelConfig.Tiny with
        {
            Width = 64, VocabSize = 500,
        });
        model.Initialize(5);
        float[] first = model.Set.Blocks[0].ToArray();
        Assert.That(Deviation("wte.weight"), Is.EqualTo(0.02).Within(0.001));
        Assert.That(Deviation("h.1.mlp.c_proj.weight"), Is.EqualTo(0.01).Within(0.001), "0.02 / sqrt(2 L)");
        Assert.That(model.Set["h.0.ln_1.weight"].ToArray(), Has.All.EqualTo(1f));
        Assert.That(model.Set["h.0.attn.c_attn.bias"].ToArray(), Has.All.EqualTo(0f));
        model.Initialize(6);
        Assert.That(model.Set.Blocks[0].ToArray(), Is.Not.EqualTo(first));
        model.Initialize(5);
        Assert.That(model.Set.Blocks[0].ToArray(), Is.EqualTo(first));
        double Deviation(string name) => Math.Sqrt(model.Set[name].ToArray().Average(w => (double)w * w));
    }

    static float[] Plain(Gpt2Sizes sizes, Dictionary<string, float[]> weights, TinyGolden golden)
    {
        var moments = weights.ToDictionary(p => p.Key,
            p => (M: new float[p.Value.Length], V: new float[p.Value.Length]));
        float[] losses = new float[10];
        for (int step = 1; step <= 10; step++)
        {
            ParameterGradients<float> g = Gpt2Reference.Backward(sizes, weights, golden.Tokens,
                golden.Targets);
            losses[step - 1] = g.Loss;
            foreach ((string name, (float[] m, float[] v)) in moments)
                AdamWReference.Step(g.Parameters[name], weights[name], m, v, TinyGolden.LearningRate,
                    TinyGolden.Beta1, TinyGolden.Beta2, TinyGolden.Epsilon, weightDecay: 0,
                    step, gradientScale: 1);
        }
        return losses;
    }

    static Dictionary<string, float[]> Weights(LanguageModel model)
        => model.Parameters.Slices.ToDictionary(s => s.Name, s => model.Set[s.Name].ToArray());

    static float[] Logits(LanguageModel model, int[] tokens)
    {
        using var session = new ModelSession(model, new SessionOptions
        {
            MaxTokens = tokens.Length, Logits = LogitsAt.All,
        });
        session.Forward(new SequenceBatch(tokens));
        return session.Logits.ToArray();
    }
}
