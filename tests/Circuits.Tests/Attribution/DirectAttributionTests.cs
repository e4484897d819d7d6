using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Circuits.Tests;

public sealed class DirectAttributionTests
{
    static readonly int[] s_prompt = [3, 11, 0, 16, 5, 2];

    static readonly ModelConfig[] s_configs =
    [
        AttributionModel.Config, AttributionModel.Config with { TiedHead = false, HeadBias = true },
    ];

    // Every value on the way to a logit is at most the sum of the sizes of the parts' terms, A. It passes one
    // rounding for each summand of the stream, three for each column in LayerNorm's mean, variance and scale,
    // and one for each term of the last product; u = 2^-24.
    static double Bound(ModelConfig config, double terms)
        => (config.Layers * (config.Heads + 3) + 4 * config.Width + 16) * terms / (1 << 24);

    [Test]
    public void The_parts_sum_to_the_logit_and_each_is_that_of_the_formula(
        [Range(0, 1)] int which, [Values(null, 4)] int? wrong)
    {
        ModelConfig config = s_configs[which];
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = AttributionModel.Make(device, config);
        DirectAttribution found = DirectAttribution.Read(model, s_prompt, 9, wrong);
        (Dictionary<string, double> expected, double terms) = Formula(model, 9, wrong);
        double bound = Bound(config, terms);
        Assert.That(found.Parts.Select(p => p.Name), Is.EqualTo(expected.Keys));
        foreach (LogitPart part in found.Parts)
            Assert.That(part.Value, Is.EqualTo(expected[part.Name]).Within(bound), part.Name);
        Assert.That(found.Sum, Is.EqualTo(found.Logit).Within(bound));
        Assert.That(bound, Is.LessThan(1e-2 * found.Parts.Max(p => Math.Abs(p.Value))), "a sharp bound");
        Assert.That(found.Parts.Select(p => p.Value), Has.None.EqualTo(0.0));
    }

    [TestCase(1, 3, 3), TestCase(0, 50, 20)]
    public void Neurons_take_the_place_of_their_block(int layer, int count, int listed)
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = AttributionModel.Make(device);
        DirectAttribution whole = DirectAttribution.Read(model, s_prompt, 9, 4);
        DirectAttribution split = DirectAttribution.Read(model, s_prompt, 9, 4, (layer, count));
        LogitPart[] neurons = [.. split.Parts.Where(p => p.Kind == LogitPartKind.Neuron)];
        Assert.That(neurons, Has.Length.EqualTo(listed));
        Assert.That(neurons.Select(n => -Math.Abs(n.Value)), Is.Ordered);
        double mlp = whole.Parts.Single(p => p.Kind == LogitPartKind.Mlp && p.Layer == layer).Value;
        double others = split.Parts.SingleOrDefault(p => p.Kind == LogitPartKind.OtherNeurons)?.Value ?? 0;
        Assert.That(neurons.Sum(n => n.Value) + others, Is.EqualTo(mlp)
            .Within(Bound(model.Config, split.Parts.Sum(p => Math.Abs(p.Value)) * 4)));
        Assert.That(split.Parts.Count(p => p.Kind == LogitPartKind.Mlp), Is.EqualTo(1));
    }

    [Test]
    public void An_edit_is_refused()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = AttributionModel.Make(device);
        using IDisposable attached = model.Attach(new Edit
        {
            Site = Site.MlpOut(0), Operation = EditOperation.Zero,
        });
        Assert.That(() => DirectAttribution.Read(model, s_prompt, 9), Throws.InvalidOperationException);
    }

    // ((r - mean r) / s * g) w in float64, from the sites of the float64 decoder.
    static (Dictionary<string, double> Parts, double Terms) Formula(
        LanguageModel model, int answer, int? wrong)
    {
        ModelConfig config = model.Config;
        int C = config.Width, H = config.Heads;
        double[] W(string name) => Array.ConvertAll(model.Set[name].ToArray(), v => (double)v);
        float[]? headBias = config.HeadBias ? model.Set["lm_head.bias"].ToArray() : null;
        var sites = new Dictionary<string, double[]>();
        new Float64Decoder(config, name => model.Set[name].ToArray(), headBias)
            .Run(s_prompt, (name, _, values) => sites[name] = values);
        double[] head = W(config.TiedHead ? "wte.weight" : "lm_head.weight"), gain = W("ln_f.weight");
        double[] w = [.. Enumerable.Range(0, C).Select(c =>
            head[answer * C + c] - (wrong is { } o ? head[o * C + c] : 0))];
        double scale = sites["ln_final.hook_scale"][^1], terms = 0;
        double Through(double[] r)
        {
            double mean = r.Average(), sum = 0;
            for (int c = 0; c < C; c++)
            {
                sum += (r[c] - mean) / scale * gain[c] * w[c];
                terms += (Math.Abs(r[c]) + r.Average(Math.Abs)) / scale * Math.Abs(gain[c] * w[c]);
            }
            return sum;
        }
        double[] Last(string site) => sites[site][^C..];
        var parts = new Dictionary<string, double>
        {
            ["embed"] = Through(Last("hook_embed")), ["pos_embed"] = Through(Last("hook_pos_embed")),
        };
        for (int l = 0; l < config.Layers; l++)
        {
            double[] results = sites[$"blocks.{l}.attn.hook_result"][^(H * C)..];
            for (int h = 0; h < H; h++)
                parts[$"head {l}.{h}"] = Through(results[(h * C)..((h + 1) * C)]);
            parts[$"attn_bias {l}"] = Through(W($"h.{l}.attn.c_proj.bias"));
            double[] bias = W($"h.{l}.mlp.c_proj.bias");
            parts[$"mlp {l}"] = Through([.. Last($"blocks.{l}.hook_mlp_out").Zip(bias, (a, b) => a - b)]);
            parts[$"mlp_bias {l}"] = Through(bias);
        }
        double[] shift = W("ln_f.bias");
        parts["ln_final_bias"] = shift.Zip(w, (a, b) => a * b).Sum();
        terms += shift.Zip(w, (a, b) => Math.Abs(a * b)).Sum();
        if (headBias is not null)
        {
            parts["unembed_bias"] = headBias[answer] - (wrong is { } o ? (double)headBias[o] : 0);
            terms += Math.Abs(parts["unembed_bias"]);
        }
        return (parts, terms);
    }
}
