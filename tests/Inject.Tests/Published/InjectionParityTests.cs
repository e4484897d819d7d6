using HeadTap.Atlas;
using HeadTap.Jobs;
using HeadTap.Models;
using HeadTap.Runtime;
using static HeadTap.Inject.Tests.AtlasFolder;

namespace HeadTap.Inject.Tests;

/// <summary>
/// The check against published numbers, on weights/atlas with numbers that the textbook makes in float64.
/// </summary>
public sealed class InjectionParityTests
{
    const float Tau = 3;

    static readonly PromptPair[] s_pairs =
    [
        new("The capital of Japan is", "The capital of the country whose currency is the yen is", "Japan",
            "Tokyo") { Memory = " Japan" },
        new("The continent of Chile is", "The continent of the country whose capital is Santiago is", "Chile",
            "South America") { Memory = " Chile" },
    ];

    ComputeDevice _device = null!;
    LanguageModel _raw = null!, _processed = null!;
    PublishedInjections _expected = null!;

    [OneTimeSetUp]
    public void Make()
    {
        _device = ComputeDevice.OpenHost();
        _raw = LanguageModel.Load(_device, AtlasFolder.Path);
        _processed = WeightProcessing.TransformerLens(_raw);
        PublishedPrompt[] prompts = [.. s_pairs.Select(Textbook)];
        _expected = new("atlas", Tau, prompts, []);
    }

    [OneTimeTearDown]
    public void Dispose()
    {
        _processed.Dispose();
        _raw.Dispose();
        _device.Dispose();
    }

    [Test]
    public void Numbers_of_the_textbook_in_float64_pass()
    {
        IReadOnlyList<InjectionCheck> checks = InjectionParity.OfPrompts(_processed, Tokenizer, _expected);
        Assert.That(checks, Has.Count.EqualTo(4));
        Assert.That(checks.Select(c => c.Passes), Is.All.True, string.Join('\n', checks));
        Assert.That(checks[0].Found, Has.Count.EqualTo(2 + 5));
        Assert.That(checks.Max(c => c.Error), Is.LessThan(1e-5), "float32 beside float64");
        Assert.That(checks[0].Found.Distinct().Count(), Is.EqualTo(7), "each layer does something else");
        Assert.That(_processed.Edits, Is.Empty);
    }

    [TestCase(2e-4), TestCase(double.NaN)]
    public void One_wrong_number_fails_its_prompt_and_no_other(double error)
    {
        PublishedPrompt first = _expected.Prompts[0];
        double[] edits = [.. first.Edits];
        edits[3] += error;
        IReadOnlyList<InjectionCheck> checks = InjectionParity.OfPrompts(_processed, Tokenizer,
            _expected with { Prompts = [first with { Edits = edits }, _expected.Prompts[1]] });
        Assert.That(checks.Select(c => c.Passes), Is.EqualTo((bool[])[false, true, true, true]));
    }

    [Test]
    public void Another_top_token_another_number_of_layers_and_another_tau_fail()
    {
        PublishedPrompt first = _expected.Prompts[0];
        bool[] Passes(PublishedPrompt prompt, float tau = Tau) => [.. InjectionParity.OfPrompts(_processed,
            Tokenizer, new("atlas", tau, [prompt], [])).Select(c => c.Passes)];
        Assert.That(Passes(first), Is.EqualTo((bool[])[true, true]));
        Assert.That(Passes(first with { Top = [first.Top[1], first.Top[0]] }),
            Is.EqualTo((bool[])[true, false]));
        Assert.That(Passes(first with { Edits = [.. first.Edits.Skip(1)] }),
            Is.EqualTo((bool[])[false, true]));
        Assert.That(Passes(first, tau: 3.01f)[0], Is.False);
    }

    [Test]
    public void Weights_as_they_are_in_the_file_fail() => Assert.That(
        InjectionParity.OfPrompts(_raw, Tokenizer, _expected)[0].Passes, Is.False,
        "tau means the paper's only in processed weights");

    [Test]
    public void The_number_of_a_data_set_is_the_trimmed_mean_over_its_prompts()
    {
        using var folder = new TemporaryFolder();
        PromptPair[] written = [.. AtlasPairs.HeldOut(new(AtlasFacts.Shipped, 1), 0).Take(37)];
        PromptPairs.Write(folder["p.jsonl"], written);
        PromptPairs pairs = PromptPairs.Read(folder["p.jsonl"]);
        var before = new List<double>();
        var after = new List<double>();
        foreach (PromptPair pair in written)
        {
            EncodedPair encoded = EncodedPair.Of(pair, Tokenizer, Config, Config.BosToken, "pair");
            Injection one = Injection.Run(_processed, encoded.Obscure, encoded.Answer,
                [new Memory(encoded.Memory, 2, 2)]);
            before.Add(one.Before.Probability);
            after.Add(one.After.Probability);
        }
        double gain = TrimmedMeanGain.Of([.. before], [.. after]);
        var cell = new PublishedCell("p.jsonl", 2, 2, gain + 0.04);
        var done = new List<(int, int)>();
        InjectionCheck check =
            InjectionParity.OfCell(_processed, Tokenizer, pairs, cell, (d, all) => done.Add((d, all)));
        Assert.That(check.Passes, $"{check.Found[0]} is not {gain}");
        Assert.That(done[^1], Is.EqualTo((74, 74)));
        foreach (PublishedCell other in (PublishedCell[])
            [cell with { Gain = gain + 0.06 }, cell with { Layer = 3 }, cell with { Gain = double.NaN }])
            Assert.That(InjectionParity.OfCell(_processed, Tokenizer, pairs, other, (_, _) => { }).Passes,
                Is.False, other.ToString());
    }

    // Everything by the textbook but the weights: tau times the columns of W_U, added at every position.
    PublishedPrompt Textbook(PromptPair pair)
    {
        ModelConfig c = _processed.Config;
        int C = c.Width, V = c.VocabSize, bos = c.BosToken!.Value;
        double[] head = ReferenceRun.Values<double>(_processed, "lm_head.weight"), memory = new double[C];
        foreach (int token in Tokenizer.Encode(pair.Memory).Distinct())
            for (int i = 0; i < C; i++)
                memory[i] += Tau * head[token * C + i];
        int answer = Tokenizer.Encode(" " + pair.Answer)[0];
        double[] Chances(string prompt, int? layer)
        {
            Dictionary<string, double[]> sites = ReferenceRun.Sites<double>(_processed,
                [bos, .. Tokenizer.Encode(prompt)], (site, x) => site != $"blocks.{layer}.hook_attn_out" ? x
                    : [.. x.Select((v, i) => v + memory[i % C])]);
            double[] logits = sites["logits"][^V..];
            double sum = logits.Sum(l => Math.Exp(l - logits.Max()));
            return [.. logits.Select(l => Math.Exp(l - logits.Max()) / sum)];
        }
        double[][] edited = [.. Enumerable.Range(0, c.Layers).Select(l => Chances(pair.Obscure, l))];
        return new(pair, Chances(pair.Explicit, null)[answer], Chances(pair.Obscure, null)[answer],
            [.. edited.Select(p => p[answer])], 2,
            [.. Enumerable.Range(0, V).OrderByDescending(v => edited[2][v]).Take(2)]);
    }
}
