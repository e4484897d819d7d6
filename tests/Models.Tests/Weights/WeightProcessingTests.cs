using HeadTap.Reference;
using HeadTap.Runtime;

namespace HeadTap.Models.Tests;

public class WeightProcessingTests
{
    static readonly ModelConfig[] Configs =
    [
        TestModel.Small,
        TestModel.Small with
        {
            TiedHead = false, HeadBias = true, Activation = Activation.Relu, ScaleAttention = false,
        },
    ];

    [TestCaseSource(nameof(Configs))]
    public void Probabilities_stay_what_they_were(ModelConfig config)
    {
        using var test = new TestModel("cpu512", config);
        using LanguageModel processed = WeightProcessing.TransformerLens(test.Model);
        int[] tokens = test.Tokens(3, 9);
        double[] raw = LogSoftmax(Gpt2Reference.Forward(test.Sizes, test.Exact, tokens)["logits"],
            config.VocabSize);
        double[] ours = LogSoftmax(Array.ConvertAll(Logits(processed, tokens), v => (double)v),
            config.VocabSize);
        Assert.That(raw.Max() - raw.Min(), Is.GreaterThan(1), "the model says something");
        // Every weight has been rounded once more; the parity bar of verify.
        Assert.That(ours, Is.EqualTo(raw).Within(2e-5));
        Assert.That(Logits(test.Model, tokens), Is.Not.EqualTo(Logits(processed, tokens)),
            "but logits have moved");
    }

    [TestCaseSource(nameof(Configs))]
    public void Weights_are_folded_and_centred(ModelConfig config)
    {
        using var test = new TestModel("cpu512", config);
        Dictionary<string, float[]> before = test.Model.Parameters.Slices
            .ToDictionary(s => s.Name, s => test.Model.Set[s.Name].ToArray());
        using LanguageModel processed = WeightProcessing.TransformerLens(test.Model);
        (int C, int V) = (config.Width, config.VocabSize);
        Assert.That(processed.Config, Is.EqualTo(config with { TiedHead = false, HeadBias = true }));
        float[] head = P("lm_head.weight");
        RequireZeroMeans(head, C, 1, "unembedding over the width");
        RequireZeroMeans(head, V, C, "unembedding over the vocabulary");
        RequireZeroMeans(P("lm_head.bias"), V, 1, "bias of the unembedding");
        foreach (string name in (string[])["wte.weight", "wpe.weight"])
            RequireZeroMeans(P(name), C, 1, name);
        for (int l = 0; l < config.Layers; l++)
        {
            foreach (string name in (string[])["attn.c_proj.weight", "attn.c_proj.bias",
                "mlp.c_proj.weight", "mlp.c_proj.bias"])
                RequireZeroMeans(P($"h.{l}.{name}"), C, 1, name);
            RequireZeroMeans(P($"h.{l}.attn.c_attn.weight"), C, 3 * C, "over the inputs of q, k, v");
            RequireZeroMeans(P($"h.{l}.mlp.c_fc.weight"), C, config.Inner, "over the inputs of the neurons");
            Assert.That(P($"h.{l}.attn.c_attn.bias")[(2 * C)..], Has.All.EqualTo(0f), "value biases");
            Assert.That(P($"h.{l}.attn.c_attn.bias")[..(2 * C)], Has.Some.Not.EqualTo(0f),
                "those of q and k stay");
        }
        foreach (ParameterSlice slice in processed.Parameters.Slices.Where(s => s.Name.Contains("ln_")))
            Assert.That(P(slice.Name), Has.All.EqualTo(slice.Name.EndsWith("weight") ? 1f : 0f), slice.Name);
        foreach ((string name, float[] values) in before)
            Assert.That(test.Model.Set[name].ToArray(), Is.EqualTo(values), $"the original's {name}");

        float[] P(string name) => processed.Set[name].ToArray();
    }

    [Test]
    public void Every_stream_has_zero_mean_and_attention_stays()
    {
        using var test = new TestModel("cpu512");
        using LanguageModel processed = WeightProcessing.TransformerLens(test.Model);
        int[] tokens = test.Tokens(3, 9);
        using var session = new ModelSession(processed, new SessionOptions
        {
            MaxTokens = 9, Record = Site.MatchAll(["blocks.*.hook_resid_*", "*.hook_pattern"],
                processed.Config),
        });
        session.Forward(new SequenceBatch(tokens));
        Dictionary<string, double[]> raw = Gpt2Reference.Forward(test.Sizes, test.Exact, tokens);
        foreach ((Site site, Recording recording) in session.Recordings)
            if (site.Kind == SiteKind.Pattern)
                Assert.That(recording.ToArray().Select(v => (double)v),
                    Is.EqualTo(raw[site.Name]).Within(2e-5), site.Name);
            else
                foreach (float[] row in recording.ToArray().Chunk(20))
                    Assert.That(Math.Abs(row.Average(v => (double)v)),
                        Is.LessThanOrEqualTo(1e-6 * row.Max(Math.Abs)), site.Name);
    }

    [Test]
    public void A_saved_and_loaded_folder_gives_the_same_bits()
    {
        using var test = new TestModel("cpu512");
        using var folder = new TemporaryFolder();
        using LanguageModel processed = WeightProcessing.TransformerLens(test.Model);
        processed.Save(folder["m"]);
        using LanguageModel loaded = LanguageModel.Load(test.Model.Device, folder["m"]);
        int[] tokens = test.Tokens(3, 9);
        Assert.That(loaded.Config.HeadBias, Is.True);
        Assert.That(Logits(loaded, tokens), Is.EqualTo(Logits(processed, tokens)));
    }

    // Rounding each of n centred values to float32 moves their mean by at most half an ulp of the largest.
    static void RequireZeroMeans(float[] values, int n, int stride, string what)
    {
        for (int block = 0; block < values.Length; block += n * stride)
            for (int start = block; start < block + stride; start++)
            {
                double sum = 0, largest = 0;
                for (int i = 0; i < n; i++)
                {
                    sum += values[start + i * stride];
                    largest = Math.Max(largest, Math.Abs(values[start + i * stride]));
                }
                Assert.That(Math.Abs(sum / n), Is.LessThanOrEqualTo(6e-8 * largest), $"{what}, from {start}");
            }
    }

    static double[] LogSoftmax(double[] logits, int V) => [.. logits.Chunk(V).SelectMany(row =>
    {
        double sum = Math.Log(row.Sum(Math.Exp));
        return row.Select(v => v - sum);
    })];

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
