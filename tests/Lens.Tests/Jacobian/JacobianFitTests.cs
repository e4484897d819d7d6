using System.Text.Json;
using HeadTap.Kernels;
using HeadTap.Kernels.Tests;
using HeadTap.Models;
using HeadTap.Models.Tests;

namespace HeadTap.Lens.Tests;

/// <summary>Fits of Jacobian lenses against their definition.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class JacobianFitTests : IDisposable
{
    static readonly ModelConfig Config =
        new() { VocabSize = 37, ContextLength = 23, Width = 20, Layers = 3, Heads = 4, Inner = 28 };

    readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Test]
    public void A_fit_is_the_sum_over_later_positions_of_central_differences(
        [Values] JacobianSite site, [Values] JacobianPositions positions)
    {
        using var test = new TestModel("cpu512", Config);
        int[] tokens = test.Tokens(3, positions == JacobianPositions.All ? 7 : 22);
        Range valid = positions.Of(tokens.Length);
        int[] layers = [.. Enumerable.Range(0, site.Layers(Config))];
        float[][] fitted = Fitted("a", test, layers, new() { Site = site, Positions = positions }, [tokens]);
        foreach (int layer in layers)
        {
            string source = site.At(layer).Name;
            double[] exact = JacobianOracle.Differences(test, tokens, source, valid);
            Agreement.AtMostTwiceFloat32($"{source} {positions}", exact,
                JacobianOracle.PlainLoops(test, test.Plain, tokens, source, valid), fitted[layer]);
            if (layer + 1 == Config.Layers)
                continue; // no attention follows
            // The model mixes positions: without the later ones the numbers are far from these.
            double[] strict = JacobianOracle.Differences(test, tokens, source, valid, samePosition: true);
            Assert.That(exact.Zip(strict, (a, b) => Math.Abs(a - b)).Max(),
                Is.GreaterThan(1e-3 * exact.Max(Math.Abs)), source);
        }
    }

    [Test]
    public void The_last_stream_has_the_identity_to_the_bit()
    {
        using var test = new TestModel("cpu512", Config);
        float[] fitted = Fitted("a", test, [2], Every(JacobianSite.ResidPost), [test.Tokens(1, 9)])[0];
        Assert.That(fitted, Is.EqualTo(Enumerable.Range(0, 400).Select(i => i % 21 == 0 ? 1f : 0f)));
    }

    [Test]
    public void A_fit_is_the_plain_mean_over_prompts_of_any_length()
    {
        using var test = new TestModel("cpu512", Config);
        int[][] prompts = [test.Tokens(1, 5), test.Tokens(2, 11), test.Tokens(3, 2)];
        float[][] one = [.. prompts.Select((p, i) =>
            Fitted($"{i}", test, [1], Every(JacobianSite.ResidMid), [p])[0])];
        float[] all = Fitted("all", test, [1], Every(JacobianSite.ResidMid), prompts)[0];
        double scale = one.Max(j => j.Max(Math.Abs));
        for (int i = 0; i < all.Length; i++)
            Assert.That(all[i], Is.EqualTo(one.Average(j => (double)j[i])).Within(2 * 1.2e-7 * scale));
        using LensSet read = LensFolder.Load(test.Model, "hash", _folder["all"], null, 1);
        LensMetadata facts = LensFolder.ReadFacts(_folder["all"]);
        Assert.That(facts.Steps, Is.EqualTo((int[])[3]));
        Assert.That(facts.Lens.Site, Is.EqualTo(JacobianSite.ResidMid));
        Assert.That((string?)facts.Training!["positions"], Is.EqualTo("all"));
        Assert.That(LensFolder.Unigram(_folder["all"])!.Sum(), Is.EqualTo(18));
    }

    [Test]
    public void Rows_of_a_pass_and_threads_do_not_change_a_bit()
    {
        using var test = new TestModel("cpu512", Config);
        int[][] prompts = [test.Tokens(1, 19), test.Tokens(2, 23)];
        int[] layers = [0, 1];
        var options = new JacobianFitOptions();
        float[][] expected = Fitted("one", test, layers, options with { BatchRows = 1 }, prompts);
        foreach (int rows in (int[])[3, 8, 64])
            Assert.That(Fitted($"rows{rows}", test, layers, options with { BatchRows = rows }, prompts),
                Is.EqualTo(expected), $"{rows} rows");
        int threads = HostThreads.Count;
        try
        {
            foreach (int count in (int[])[1, 2, 5])
            {
                HostThreads.Count = count;
                Assert.That(Fitted($"threads{count}", test, layers, options, prompts), Is.EqualTo(expected),
                    $"{count} threads");
            }
        }
        finally
        {
            HostThreads.Count = threads;
        }
    }

    [Test]
    public void Other_devices_agree(
        [ValueSource(typeof(TestDevice), nameof(TestDevice.QuickWidths))] string device)
    {
        using var test = new TestModel(device, Config);
        int[] tokens = test.Tokens(3, 19);
        Range valid = JacobianPositions.Published.Of(tokens.Length);
        Agreement.AtMostTwiceFloat32(device,
            JacobianOracle.PlainLoops(test, test.Exact, tokens, "blocks.0.hook_resid_mid", valid),
            JacobianOracle.PlainLoops(test, test.Plain, tokens, "blocks.0.hook_resid_mid", valid),
            Fitted("a", test, [0], new() { Site = JacobianSite.ResidMid }, [tokens])[0]);
    }

    [TestCase(0), TestCase(1), TestCase(4)]
    public void Stopped_and_continued_it_reaches_the_same_bits(int stopAfter)
    {
        using var test = new TestModel("cpu512", Config);
        int[][] prompts = [.. Enumerable.Range(1, 5).Select(i => test.Tokens(i, i == 2 ? 4 : 18 + i))];
        JacobianFitOptions options = new() { Site = JacobianSite.ResidMid };
        JacobianFitResult whole = Fit("whole", test, [0, 2], options, prompts);
        Assert.That((whole.Complete, whole.Short, whole.Facts!.Steps[0]), Is.EqualTo((true, 1L, 4)));
        using var stop = new CancellationTokenSource();
        if (stopAfter == 0)
            stop.Cancel();
        JacobianFitResult part = Fit("parts", test, [0, 2], options, prompts, new()
        {
            Stop = stop.Token,
            Progress = p =>
            {
                if (p.Prompts == stopAfter)
                    stop.Cancel();
            },
        });
        Assert.That(part.Complete, Is.False);
        if (stopAfter > 0)
        {
            Assert.That(part.Facts!.Complete, Is.All.False);
            // Rows after the checkpoint are written again and not twice.
            File.AppendAllText(Path.Combine(_folder["parts"], "metrics.jsonl"), "{\"prompt\": 99}\n{\"pr");
        }
        Assert.That(Fit("parts", test, [0, 2], options, prompts).Complete, Is.True);
        foreach (string file in (string[])["lens.safetensors", "lens.json", "metrics.jsonl", "run.json"])
            Assert.That(File.ReadAllBytes(Path.Combine(_folder["parts"], file)),
                Is.EqualTo(File.ReadAllBytes(Path.Combine(_folder["whole"], file))), file);
        Assert.That(File.Exists(Path.Combine(_folder["parts"], "checkpoint.safetensors")), Is.False);
        Assert.That(Fit("parts", test, [0, 2], options, prompts).Complete, Is.True, "a third time");
    }

    [Test]
    public void Delta_is_the_relative_step_of_the_mean()
    {
        using var test = new TestModel("cpu512", Config);
        int[][] prompts = [.. Enumerable.Range(1, 3).Select(i => test.Tokens(i, 6 + i))];
        int[] layers = [0, 1];
        float[][][] means = [.. Enumerable.Range(1, 3).Select(n =>
            Fitted($"{n}", test, layers, Every(JacobianSite.ResidPost) with { Prompts = n }, prompts))];
        JsonElement[] rows = [.. File.ReadLines(Path.Combine(_folder["3"], "metrics.jsonl"))
            .Select(line => JsonDocument.Parse(line).RootElement)];
        Assert.That(rows[0].GetProperty("delta").ValueKind, Is.EqualTo(JsonValueKind.Null));
        for (int n = 1; n < 3; n++)
            Assert.That(rows[n].GetProperty("delta").GetDouble(), Is.EqualTo(layers.Average(l =>
                Norm(means[n][l].Zip(means[n - 1][l], (a, b) => (double)a - b))
                / Norm(means[n][l].Select(v => (double)v)))).Within(1e-6)); // the files hold float32
        double[] off = [.. means[2][1].Select((v, i) => v - (i % 21 == 0 ? 1.0 : 0))];
        Assert.That(rows[2].GetProperty("from_identity").GetDouble(),
            Is.EqualTo(Norm(off) / Math.Sqrt(20)).Within(1e-6));
        Assert.That(rows.Select(r => r.GetProperty("positions").GetInt32()), Is.EqualTo((int[])[7, 8, 9]));
    }

    [Test]
    public void A_tolerance_ends_a_fit_after_a_hundred_prompts_and_no_earlier()
    {
        using var test = new TestModel("cpu512", Config with { Width = 4, Heads = 2, Inner = 6, Layers = 1 });
        int[][] prompts = [.. Enumerable.Range(0, 120).Select(i => test.Tokens(i, 3))];
        JacobianFitOptions options = Every(JacobianSite.ResidMid);
        Assert.That(Fit("wide", test, [0], options with { Tolerance = 1e3 }, prompts).Facts!.Steps[0],
            Is.EqualTo(100));
        Assert.That(Fit("tight", test, [0], options with { Tolerance = 1e-9 }, prompts).Facts!.Steps[0],
            Is.EqualTo(120));
    }

    [Test]
    public void What_cannot_be_fitted_is_one_line()
    {
        using var test = new TestModel("cpu512", Config);
        using var one = new TestModel("cpu512", Config with { Layers = 1 });
        using LanguageModel processed = WeightProcessing.TransformerLens(test.Model);
        int[][] prompts = [test.Tokens(1, 17)];
        BadInput.Refused(() => Fit("a", test, [0], new(), prompts), "no text has 18 tokens", "published");
        BadInput.Refused(() => Fit("a", one, [0], Every(JacobianSite.ResidPost), prompts), "resid_mid");
        BadInput.Refused(() => JacobianFit.Run(processed, "hash", [0], Every(JacobianSite.ResidMid),
            DocumentSource.FromIds(prompts, "prompts"), _folder["a"]), "raw weights");
        BadInput.Refused(() => Fit("a", test, [0], new() { TokensPerRow = 17 }, prompts), "18 to");
        BadInput.Refused(() => Fit("a", test, [0], new() { Tolerance = double.NaN }, prompts), "expected 0");
        Assert.That(_folder.Files(), Has.None.EndsWith("lens.safetensors"));
        Fit("a", test, [0], Every(JacobianSite.ResidMid), prompts);
        BadInput.Refused(() => Fit("a", test, [0], Every(JacobianSite.ResidPost), prompts), "another call");
        BadInput.Refused(() => Fit("a", test, [0], Every(JacobianSite.ResidMid), [test.Tokens(2, 17)]),
            "another call");
    }

    static JacobianFitOptions Every(JacobianSite site)
        => new() { Site = site, Positions = JacobianPositions.All };

    static double Norm(IEnumerable<double> values) => Math.Sqrt(values.Sum(v => v * v));

    JacobianFitResult Fit(string name, TestModel test, int[] layers, JacobianFitOptions options,
        int[][] prompts, JacobianFitRun? run = null)
        => JacobianFit.Run(test.Model, "hash", layers, options,
            DocumentSource.FromIds(prompts, "prompts"), _folder[name], run);

    float[][] Fitted(
        string name, TestModel test, int[] layers, JacobianFitOptions options, int[][] prompts)
    {
        Fit(name, test, layers, options, prompts);
        using LensSet lens = LensFolder.Load(test.Model, "hash", _folder[name], null, 1);
        return [.. layers.Select(l => lens[l].Parameters.Single().Value.ToArray())];
    }
}
