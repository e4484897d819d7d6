using HeadTap.Kernels.Tests;

namespace HeadTap.Models.Tests;

public class ParityTests
{
    // DESIGN.md, section 7: within 2e-5 of float64 at every site, for values of GPT-2's size. OpenCL runs the
    // kernels that ptx runs, and PoCL takes twice as long for them.
    [TestCase("cpu512"), TestCase("cuda"), TestCase("ptx")]
    public void A_model_of_GPT2_smalls_width_is_within_2e_5_of_float64_at_every_site(string device)
    {
        ModelConfig config = Gpt2.Small with { Layers = 4, VocabSize = 4099, ContextLength = 16 };
        using var model = new LanguageModel(TestDevice.Open(device), config);
        model.Initialize(1);
        int[] tokens = Numbers.Integers(4, 8, config.VocabSize);
        Site[] sites = [.. Site.All(config)];
        using var session = new ModelSession(model, new SessionOptions { MaxTokens = 8, Record = sites });
        session.Forward(new SequenceBatch(tokens));
        Dictionary<string, Recording> ours = session.Recordings.ToDictionary(r => r.Key.Name, r => r.Value);
        int seen = 0;
        double largest = 0;
        new Float64Decoder(config, name => model.Set[name].ToArray()).Run(tokens, (name, shape, exact) =>
        {
            float[] values = ours[name].ToArray();
            Assert.That(ours[name].Shape, Is.EqualTo((int[])[1, .. shape]), name);
            for (int i = 0; i < exact.Length; i++)
                Assert.That(values[i] == exact[i] || Math.Abs(values[i] - exact[i]) <= 2e-5, Is.True,
                    $"{name}[{i}]: {values[i]:R}, float64 {exact[i]:R}");
            largest = Math.Max(largest, exact.Where(double.IsFinite).Max(Math.Abs));
            seen++;
        });
        Assert.That(seen, Is.EqualTo(sites.Length));
        Assert.That(largest, Is.GreaterThan(1));
    }
}
