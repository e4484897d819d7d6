using System.Diagnostics;
using HeadTap.Kernels;
using HeadTap.Reference;
using HeadTap.Runtime;

namespace HeadTap.Models.Tests;

/// <summary>The product's float64 run against the textbook, which was proven by itself.</summary>
sealed class Float64DecoderTests
{
    static readonly ModelConfig[] Configs =
    [
        ModelConfig.Tiny,
        ModelConfig.Tiny with { Activation = Activation.GeluExact, TiedHead = false, Inner = 70,
            ScaleAttentionByLayer = true },
        ModelConfig.Tiny with { Activation = Activation.Relu, ScaleAttention = false,
            LayerNormEpsilon = .1f },
        new() { VocabSize = 130, ContextLength = 9, Width = 70, Layers = 1, Heads = 7 },
        new() { VocabSize = 2, ContextLength = 1, Width = 1, Layers = 1, Heads = 1, Inner = 1 },
    ];

    [TestCaseSource(nameof(Configs))]
    public void Every_site_equals_the_textbooks(ModelConfig config)
    {
        int[] tokens = [.. Enumerable.Range(0, config.ContextLength).Select(t => t * 7 % config.VocabSize)];
        foreach (bool withHeadBias in (bool[])[false, true])
        {
            Gpt2Sizes sizes = ReferenceSizes.Of(config) with { HeadBias = withHeadBias };
            Dictionary<string, float[]> parameters = Gpt2Reference.RandomParameters(sizes, 3, scale: 15);
            Dictionary<string, double[]> exact =
                Gpt2Reference.Forward(sizes, Gpt2Reference.Convert<double>(parameters), tokens);
            var seen = new List<(string Name, int[] Shape)>();
            var model = new Float64Decoder(
                config, name => parameters[name], parameters.GetValueOrDefault("lm_head.bias"));
            double[] logits = model.Run(tokens, (name, shape, values) =>
            {
                seen.Add((name, shape));
                RequireEqual(name, exact[name], values);
            });
            RequireEqual("returned", exact["logits"], logits);
            (string Name, int[] Shape)[] sites = [.. sizes.Sites(tokens.Length)];
            Assert.That(seen.Select(s => s.Name), Is.EqualTo(sites.Select(s => s.Name)), "in this order");
            Assert.That(seen.Select(s => s.Shape), Is.EqualTo(sites.Select(s => s.Shape)));
        }
    }

    [Test]
    public void The_result_does_not_depend_on_the_number_of_threads()
    {
        ModelConfig config = Configs[3];
        Dictionary<string, float[]> parameters =
            Gpt2Reference.RandomParameters(ReferenceSizes.Of(config), seed: 4, scale: 15);
        var model = new Float64Decoder(config, name => parameters[name]);
        int[] tokens = [5, 129, 0, 5];
        double[] many = model.Run(tokens);
        int threads = HostThreads.Count;
        try
        {
            foreach (int count in (int[])[1, 5])
            {
                HostThreads.Count = count;
                Assert.That(model.Run(tokens), Is.EqualTo(many));
            }
        }
        finally
        {
            HostThreads.Count = threads;
        }
    }

    [TestCase(new int[0], "0 tokens")]
    [TestCase(new[] { 61 }, "token id 61: expected 0 to 60")]
    [TestCase(new[] { 3, -1 }, "token id -1")]
    [TestCase(new[] { 1, 2, 3, 4, 5, 6, 7, 8, 9, 8, 7, 6, 5, 4, 3, 2, 1 }, "17 tokens; expected 1 to 16")]
    public void Tokens_that_do_not_fit_are_refused(int[] tokens, string message) =>
        BadInput.Refused(() => new Float64Decoder(ModelConfig.Tiny, _ => []).Run(tokens), message);

    [Test, Explicit("Takes half a minute; prints how long GPT-2 124M at 16 tokens takes.")]
    public void Time_of_the_published_size()
    {
        var random = new SeededRandom(1);
        var table = new ParameterLayout(Gpt2.Small);
        Dictionary<string, float[]> parameters =
            table.Slices.ToDictionary(s => s.Name, s => new float[s.Length]);
        foreach (float[] values in parameters.Values)
            random.FillNormal(values, 0.02f);
        int[] tokens = [.. Enumerable.Range(0, 16).Select(t => t * 3001)];
        var clock = Stopwatch.StartNew();
        new Float64Decoder(Gpt2.Small, name => parameters[name]).Run(tokens);
        TestContext.Out.WriteLine($"{clock.Elapsed.TotalSeconds:F1} s on {HostThreads.Count} threads");
    }

    // Both are float64, in different order: 1e-12 of the site's largest value is thousands of roundings.
    static void RequireEqual(string name, double[] exact, double[] values)
    {
        Assert.That(values, Has.Length.EqualTo(exact.Length), name);
        double scale = exact.Where(double.IsFinite).Max(Math.Abs);
        for (int i = 0; i < exact.Length; i++)
            Assert.That(values[i] == exact[i] || Math.Abs(values[i] - exact[i]) <= 1e-12 * scale, Is.True,
                $"{name}[{i}]: {values[i]:R}, textbook {exact[i]:R}");
    }
}
