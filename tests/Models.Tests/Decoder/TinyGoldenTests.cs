using HeadTap.Reference;

namespace HeadTap.Models.Tests;

/// <summary>The committed model is the one its generator makes, and its values are the oracle's.</summary>
sealed class TinyGoldenTests
{
    [Test]
    public void The_committed_files_are_what_the_generator_makes()
    {
        using var folder = new TemporaryFolder();
        TinyGolden.Write(folder.Path);
        Assert.That(folder.Files(), Is.EqualTo(new[] { "config.json", "golden.json", "model.safetensors" }));
        foreach (string file in (string[])["config.json", "model.safetensors"])
            Assert.That(File.ReadAllBytes(folder[file]),
                Is.EqualTo(File.ReadAllBytes(Path.Combine(TinyGolden.Folder, file))), file);
        RequireEqual(TinyGolden.Read(TinyGolden.Folder), TinyGolden.Read(folder.Path));
    }

    [Test]
    public void The_recorded_values_are_those_of_the_recorded_weights() =>
        RequireEqual(TinyGolden.Read(TinyGolden.Folder), TinyGolden.Compute(TinyGolden.Folder));

    [Test]
    public void The_float64_run_of_the_product_gives_the_recorded_logits()
    {
        ModelConfig config = ModelFolder.ReadConfig(TinyGolden.Folder);
        var parameters = new Dictionary<string, float[]>();
        ModelFolder.ReadParameters(
            TinyGolden.Folder, config, slice => parameters[slice.Name] = new float[slice.Length]);
        TinyGolden golden = TinyGolden.Read(TinyGolden.Folder);
        double[] logits = new Float64Decoder(config, name => parameters[name]).Run(golden.Tokens);
        Assert.That(logits, Is.EqualTo(golden.Logits.SelectMany(row => row)).Within(1e-12));
    }

    [Test]
    public void The_model_is_no_trivial_one()
    {
        Gpt2Sizes sizes = ReferenceSizes.Of(ModelConfig.Tiny);
        TinyGolden golden = TinyGolden.Read(TinyGolden.Folder);
        Dictionary<string, double[]> sites = Gpt2Reference.Forward(sizes, Gpt2Reference.Convert<double>(
            Gpt2Reference.RandomParameters(sizes, seed: 2019, scale: 15)), golden.Tokens);
        Assert.That(golden.GradientNorms.Values, Has.All.GreaterThan(1e-3));
        Assert.That(golden.TrainingLosses, Is.Ordered.Descending);
        Assert.That(golden.TrainingLosses[0], Is.EqualTo(golden.Loss));
        Assert.That(golden.Logits.Max(row => row.Max()), Is.InRange(3, 30));
        // Attention that neither spreads evenly (1/16 at the last position) nor stares at one place.
        double[] last = sites["blocks.1.attn.hook_pattern"][^16..];
        Assert.That(last.Max(), Is.InRange(0.2, 0.99));
    }

    [Test, Explicit("Rewrites weights/tiny; weights/README.md says when.")]
    public void Write_the_files() => TinyGolden.Write(TinyGolden.Folder);

    // exp and tanh come from the machine's own library, which may round the last bit differently.
    static void RequireEqual(TinyGolden recorded, TinyGolden now)
    {
        Assert.That(now.Tokens, Is.EqualTo(recorded.Tokens));
        Assert.That(now.Targets, Is.EqualTo(recorded.Targets));
        Assert.That(now.Loss, Is.EqualTo(recorded.Loss).Within(1e-12));
        Assert.That(now.TrainingLosses, Is.EqualTo(recorded.TrainingLosses).Within(1e-12));
        Assert.That(now.Logits.SelectMany(row => row),
            Is.EqualTo(recorded.Logits.SelectMany(row => row)).Within(1e-12));
        Assert.That(now.GradientNorms.Keys, Is.EqualTo(recorded.GradientNorms.Keys));
        Assert.That(now.GradientNorms.Values, Is.EqualTo(recorded.GradientNorms.Values).Within(1e-12));
    }
}
