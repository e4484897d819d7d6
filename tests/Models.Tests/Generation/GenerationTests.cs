using HeadTap.Kernels.Tests;

namespace HeadTap.Models.Tests;

/// <summary>Generation over the cache against whole passes of the textbook model.</summary>
public class GenerationTests
{
    const int New = 6;

    [Test, Combinatorial]
    public void Each_step_gives_the_logits_of_a_whole_pass_and_takes_the_largest(
        [ValueSource(typeof(TestDevice), nameof(TestDevice.QuickWidths))] string device, [Values] bool neox)
    {
        using var run = new Generation(device, neox ? TestModel.NeoX : null);
        run.RequireAgreement();
    }

    // Positions count in the text; steps say in which pass a token was run.
    [Test, Combinatorial]
    public void An_edit_by_step_and_position_is_the_same_edit_in_a_whole_pass(
        [ValueSource(typeof(TestDevice), nameof(TestDevice.QuickWidths))] string device,
        [Values(SiteKind.Embed, SiteKind.ResidPre, SiteKind.Q, SiteKind.K, SiteKind.V,
            SiteKind.Z, SiteKind.Result,
            SiteKind.AttnOut, SiteKind.MlpPost, SiteKind.LnFinalNormalized, SiteKind.Logits,
            SiteKind.Pattern, SiteKind.Scores)] SiteKind kind)
    {
        using var run = new Generation(device);
        var site = new Site(kind, Site.InBlock(kind) ? 1 : 0);
        var scale = new Edit { Site = site.Name, Operation = EditOperation.Scale, Alpha = 2.5f };
        run.RequireAgreement(scale);
        if (device != "cpu512")
            return;
        run.RequireAgreement(scale with
        {
            Operation = EditOperation.Zero, Alpha = 1, Positions = EditPositions.Last,
        });
        run.RequireAgreement(scale with { Steps = [0] });
        run.RequireAgreement(scale with { Steps = [2, 3], Rows = [0, 2] });
        run.RequireAgreement(scale with { Positions = EditPositions.List([0, 3, 5]), Steps = [0, 1, 2] });
        run.RequireAgreement(scale with { Positions = EditPositions.From(4) });
        run.RequireAgreement(scale with { Operation = EditOperation.Zero, Alpha = 1, Steps = [1] });
    }

    // A mean is over the tokens of one step, a function sees one step: also where the whole text runs each
    // time.
    [TestCase(EditOperation.Mean), TestCase(EditOperation.Call)]
    public void Whole_passes_edit_step_by_step_as_cached_ones_do(EditOperation operation)
    {
        using var run = new Generation("cpu512");
        Edit edit = operation == EditOperation.Mean
            ? new Edit { Site = "blocks.0.hook_resid_mid", Operation = operation }
            : Edit.Call("blocks.0.hook_resid_mid", c =>
            {
                for (int i = 0; i < c.Values.Length; i++)
                    c.Values[i] += (1 + c.Step) * (1 + c.Rows[i / c.Width].Position) * 0.01f * (i % c.Width);
            });
        var nothing = new Edit { Site = "blocks.1.attn.hook_pattern", Operation = EditOperation.Scale };
        List<Generation.Pass> cached = run.Go(new GenerationOptions { MaxNewTokens = New }, edit);
        List<Generation.Pass> whole = run.Go(new GenerationOptions { MaxNewTokens = New }, edit, nothing);
        RequireClose(whole, cached);
        int stop = cached[1].Chosen[1]; // a row that has ended is in no mean
        var options = new GenerationOptions { MaxNewTokens = New, StopToken = stop };
        RequireClose(run.Go(options, edit, nothing), run.Go(options, edit));
    }

    [Test]
    public void A_value_for_the_keys_of_the_prompt_edits_the_prompts_pattern()
    {
        using var run = new Generation("cpu512");
        run.RequireAgreement(new Edit
        {
            Site = "blocks.0.attn.hook_pattern", Operation = EditOperation.Replace, Steps = [0],
            Value = EditValue.Numbers(0.4f, 0.3f, 0.2f, 0.1f),
        });
    }

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.Quick))]
    public void Recordings_of_a_step_are_the_whole_passes_last_position(string device)
    {
        using var run = new Generation(device);
        string[] kinds = ["*.hook_resid_*", "*.hook_z", "*.hook_pattern", "*.hook_result",
            "*.hook_[qkv]", "*mlp*",
            "hook_*embed", "*normalized", "logits", "*.hook_q", "*.hook_k", "*.hook_v", "*attn_out"];
        Site[] sites = [.. kinds.Where(k => !k.Contains('['))
            .SelectMany(k => Site.Match(k, run.Test.Model.Config)).Distinct()];
        List<Generation.Pass> passes = run.Go(new GenerationOptions { MaxNewTokens = New, Record = sites });
        var parts = new List<(string, double[], float[], float[])>();
        foreach (Generation.Pass pass in passes)
        {
            int[][] texts = run.Texts(passes, pass.Step);
            var exact = new EditOracle<double>(run.Test, run.Test.Exact, texts);
            var plain = new EditOracle<float>(run.Test, run.Test.Plain, texts);
            for (int b = 0; b < texts.Length; b++)
            {
                (Dictionary<string, double[]> e, Dictionary<string, float[]> p) =
                    (exact.Forward(b), plain.Forward(b));
                foreach (Site site in sites)
                    parts.Add(($"step {pass.Step} row {b} {site}", Last(e[site.Name], site, texts[b].Length),
                        Last(p[site.Name], site, texts[b].Length), pass.LastOf(site, b, texts[b].Length)));
            }
        }
        Agreement.PassAtMostTwiceFloat32(parts);
    }

    [Test]
    public void Everything_can_be_recorded_while_generating([Values] bool whole)
    {
        using var run = new Generation("cpu512");
        Edit[] edits = whole
            ? [new Edit { Site = "blocks.0.attn.hook_pattern", Operation = EditOperation.Scale }] : [];
        Site[] all = [.. Site.All(run.Test.Model.Config)];
        List<Generation.Pass> plain = run.Go(new GenerationOptions { MaxNewTokens = New }, edits);
        List<Generation.Pass> recorded =
            run.Go(new GenerationOptions { MaxNewTokens = New, Record = all }, edits);
        Assert.That(recorded.Select(p => p.Chosen), Is.EqualTo(plain.Select(p => p.Chosen)));
        Assert.That(recorded[0].Recorded.Keys, Is.EquivalentTo(all));
        Assert.That(recorded[2].Recorded.Keys,
            Is.EquivalentTo(all.Where(s => whole || s.Kind != SiteKind.Scores)));
    }

    [Test]
    public void A_stop_token_ends_its_row_and_changes_no_other()
    {
        using var run = new Generation("cpu512");
        List<Generation.Pass> free = run.Go(new GenerationOptions { MaxNewTokens = New });
        int stop = free[1].Chosen[1];
        List<Generation.Pass> passes = run.Go(new GenerationOptions { MaxNewTokens = New, StopToken = stop });
        for (int b = 0; b < 3; b++)
        {
            int[] all = [.. free.Select(p => p.Chosen[b])];
            int end = Array.IndexOf(all, stop);
            int[] expected = end < 0 ? all : all[..(end + 1)];
            Assert.That(run.Added[b], Is.EqualTo(expected), $"row {b}");
            Assert.That(passes.Select(p => p.Chosen[b]).Where(t => t >= 0), Is.EqualTo(expected), $"row {b}");
        }
        Assert.That(run.Added[1], Has.Length.InRange(1, 2));
        Assert.That(run.Added.Max(a => a.Length), Is.EqualTo(passes.Count),
            "and the passes end with the last row");
    }

    [Test]
    public void Draws_follow_the_seed_and_the_row_and_nothing_else()
    {
        using var run = new Generation("cpu512");
        int[][] Draw(ulong seed, params int[][] rows)
        {
            var options = new GenerationOptions
            {
                MaxNewTokens = New, Seed = seed, Sampling =
                    new SamplingOptions(Temperature: 1.5f, TopK: 20, TopP: 0.95f),
            };
            return [.. new Generator(run.Test.Model).Generate(new SequenceBatch(rows), options)];
        }
        int[][] first = Draw(1, run.Prompts);
        Assert.That(Draw(1, run.Prompts), Is.EqualTo(first));
        Assert.That(Draw(2, run.Prompts), Is.Not.EqualTo(first));
        Assert.That(Draw(1, run.Prompts[0])[0], Is.EqualTo(first[0]), "alone");
        Assert.That(Draw(1, run.Test.Tokens(60, 5), run.Prompts[1])[1],
            Is.EqualTo(first[1]), "in other company");
        Assert.That(Draw(1, run.Prompts[0], run.Prompts[0]) is var twins
            && twins[0].SequenceEqual(twins[1]), Is.False);
    }

    [Test]
    public void One_new_token_is_the_prompts_best()
    {
        using var run = new Generation("cpu512");
        List<Generation.Pass> passes = run.Go(new GenerationOptions { MaxNewTokens = 1 });
        Assert.That(passes, Has.Count.EqualTo(1));
        Assert.That(run.Added, Is.EqualTo(run.Go(new GenerationOptions { MaxNewTokens = New })[0].Chosen
            .Select(t => new[] { t })));
    }

    [TestCase(4, 9, "4 tokens and 9 new ones", "context of 12"), TestCase(13, 1, "13 tokens"),
        TestCase(0, 1, "empty"),
     TestCase(4, 0, "at least 1"), TestCase(4, int.MaxValue, "context of 12")]
    public void What_does_not_fit_is_refused(int prompt, int added, params string[] words)
    {
        using var test = new TestModel("cpu512");
        long before = test.Model.Device.LiveBytes;
        BadInput.Refused(() => new Generator(test.Model)
            .Generate(new SequenceBatch(test.Tokens(1, prompt)),
            new GenerationOptions { MaxNewTokens = added }), words);
        Assert.That(test.Model.Device.LiveBytes, Is.EqualTo(before));
    }

    // Two float32 ways to the same numbers: the parity bar of verify.
    static void RequireClose(List<Generation.Pass> a, List<Generation.Pass> b)
    {
        Assert.That(a.Select(p => p.Chosen), Is.EqualTo(b.Select(p => p.Chosen)));
        int V = a[0].Logits.Length / 3;
        for (int step = 0; step < a.Count; step++)
            for (int i = 0; i < a[step].Logits.Length; i++)
                if (a[step].Chosen[i / V] >= 0)
                    Assert.That(Math.Abs(a[step].Logits[i] - b[step].Logits[i]) <= 2e-5,
                        Is.True, $"step {step} [{i}]");
    }

    static T[] Last<T>(T[] values, Site site, int length)
    {
        if (site.Kind is not SiteKind.Pattern)
            return values[^(values.Length / length)..];
        int H = values.Length / length / length;
        return [.. Enumerable.Range(0, H)
            .SelectMany(h => values[((h * length + length - 1) * length)..((h + 1) * length * length)])];
    }

    /// <summary>Three prompts of unequal length and what is made of them.</summary>
    sealed class Generation : IDisposable
    {
        internal sealed record Pass(int Step, float[] Logits, int[] Chosen, Dictionary<Site,
            (int[] Shape, float[] Values)> Recorded)
        {
            public float[] LastOf(Site site, int b, int length)
            {
                (int[] shape, float[] values) = Recorded[site];
                int perRow = values.Length / shape[0];
                float[] row = values[(b * perRow)..((b + 1) * perRow)];
                if (site.Kind == SiteKind.Pattern)
                    return [.. Enumerable.Range(0, shape[1]).SelectMany(h =>
                        row.AsSpan((h * shape[2] + (shape[2] == 1 ? 0 : length - 1)) * shape[3], length)
                        .ToArray())];
                int perToken = perRow / shape[1];
                return row.AsSpan((shape[1] == 1 ? 0 : length - 1) * perToken, perToken).ToArray();
            }
        }

        public Generation(string device, ModelConfig? config = null)
        {
            Test = new TestModel(device, config);
            Prompts = [Test.Tokens(1, 4), Test.Tokens(2, 1), Test.Tokens(3, 3)];
        }

        public TestModel Test { get; }

        public int[][] Prompts { get; }

        public IReadOnlyList<int[]> Added { get; private set; } = [];

        public List<Pass> Go(GenerationOptions options, params Edit[] edits)
        {
            var passes = new List<Pass>();
            options = options with
            {
                OnStep = s => passes.Add(new Pass(s.Step, s.Logits.ToArray(), [.. s.Chosen],
                    s.Recordings.ToDictionary(r => r.Key, r => (r.Value.Shape, r.Value.ToArray())))),
            };
            using (Test.Model.Attach(edits))
                Added = new Generator(Test.Model).Generate(new SequenceBatch(Prompts), options);
            Assert.That(passes.Select(p => p.Step), Is.EqualTo(Enumerable.Range(0, passes.Count)));
            return passes;
        }

        /// <summary>What a step has run: prompts and the tokens chosen before it.</summary>
        public int[][] Texts(List<Pass> passes, int step)
            => [.. Prompts.Select((p, b) => p.Concat(passes.Take(step).Select(s => s.Chosen[b])).ToArray())];

        public void RequireAgreement(params Edit[] edits)
        {
            List<Pass> passes = Go(new GenerationOptions { MaxNewTokens = New }, edits);
            Assert.That(passes, Has.Count.EqualTo(New));
            var parts = new List<(string, double[], float[], float[])>();
            int[] lengths = [.. Prompts.Select(p => p.Length)];
            int V = Test.Model.Config.VocabSize;
            foreach (Pass pass in passes)
            {
                int[][] texts = Texts(passes, pass.Step);
                var exact = new EditOracle<double>(Test, Test.Exact, texts, edits) { Prompts = lengths };
                var plain = new EditOracle<float>(Test, Test.Plain, texts, edits) { Prompts = lengths };
                for (int b = 0; b < texts.Length; b++)
                {
                    double[] logits = exact.Forward(b)["logits"][^V..];
                    parts.Add(($"{string.Join(", ", edits.Select(EditCases.Name))}: step {pass.Step} row {b}",
                        logits,
                        plain.Forward(b)["logits"][^V..], pass.Logits[(b * V)..((b + 1) * V)]));
                    if (logits.Any(v => v != 0)) // an edit may have made them all equal
                        Assert.That(pass.Chosen[b], Is.EqualTo(Array.IndexOf(logits, logits.Max())));
                }
            }
            Agreement.PassAtMostTwiceFloat32(parts);
        }

        public void Dispose() => Test.Dispose();
    }
}
