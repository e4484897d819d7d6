using HeadTap.Kernels.Tests;
using HeadTap.Reference;
using HeadTap.Runtime;

namespace HeadTap.Models.Tests;

public class DecoderForwardTests
{
    static readonly ModelConfig[] Configs =
    [
        TestModel.Small,
        TestModel.Small with
        {
            Activation = Activation.GeluExact, TiedHead = false, HeadBias = true,
                ScaleAttentionByLayer = true,
        },
        TestModel.Small with { Activation = Activation.Relu, ScaleAttention = false, Heads = 5, Inner = 33 },
        TestModel.NeoX,
        TestModel.NeoX with { ParallelResidual = false, RotaryNumbers = 2, RotaryBase = 30 },
    ];

    // The simulator takes half a minute for a pass, so it runs one configuration.
    static IEnumerable<TestCaseData> Runs() =>
        from device in TestDevice.Hosts.Concat(TestDevice.Ilgpu)
        from config in device == "simulator" ? [1] : Enumerable.Range(0, Configs.Length)
        select new TestCaseData(device, config);

    [TestCaseSource(nameof(Runs))]
    public void Every_site_of_every_row_is_as_exact_as_float32_allows(
        string device, int config)
    {
        using var test = new TestModel(device, Configs[config]);
        int[][] rows = [test.Tokens(1, 5), test.Tokens(2, 1), test.Tokens(3, 4)];
        Site[] sites = [.. Site.All(test.Model.Config)];
        using var session = new ModelSession(test.Model, new SessionOptions
        {
            MaxRows = 3, MaxTokens = 5, Record = sites, Logits = LogitsAt.All,
        });
        session.Forward(new SequenceBatch(rows));
        var parts = new List<(string, double[], float[], float[])>();
        for (int b = 0; b < rows.Length; b++)
        {
            Dictionary<string, double[]> exact = Gpt2Reference.Forward(test.Sizes, test.Exact, rows[b]);
            Dictionary<string, float[]> plain = Gpt2Reference.Forward(test.Sizes, test.Plain, rows[b]);
            foreach (Site site in sites)
            {
                float[] ours = TestModel.Row(session.Recordings[site], site, b, rows[b].Length);
                parts.Add(($"row {b} {site}", Finite(exact[site.Name]),
                    Finite(plain[site.Name]), Finite(ours)));
            }
        }
        Agreement.PassAtMostTwiceFloat32(parts);
    }

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.Hosts))]
    public void A_row_of_a_padded_batch_has_the_bits_of_the_row_alone(string device)
    {
        using var test = new TestModel(device);
        int[][] rows = [test.Tokens(1, 9), test.Tokens(2, 2), test.Tokens(3, 5)];
        float[] together = Logits(test, rows);
        int V = test.Model.Config.VocabSize;
        for (int b = 0; b < rows.Length; b++)
            Assert.That(Logits(test, rows[b]), Is.EqualTo(together[(b * V)..((b + 1) * V)]), $"row {b}");
    }

    [Test]
    public void Sites_that_nobody_uses_cost_no_op_and_change_no_bit()
    {
        using var test = new TestModel("cpu512");
        long plain = Ops(test, []);
        Assert.That(Ops(test, Site.MatchAll(["blocks.*.attn.hook_z"], test.Model.Config)), Is.EqualTo(plain),
            "z is what attention writes anyway");
        Assert.That(Ops(test, Site.MatchAll(["blocks.*.hook_resid_*"], test.Model.Config)),
            Is.EqualTo(plain));
        float[] before = Logits(test, test.Tokens(1, 6));
        Ops(test, [.. Site.All(test.Model.Config)]);
        Assert.That(Logits(test, test.Tokens(1, 6)), Is.EqualTo(before));
    }

    /// <summary>On GPUs a product that nobody records takes residual or nonlinearity with it.</summary>
    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.Quick))]
    public void Recording_what_products_write_changes_no_bit(string device)
    {
        using var test = new TestModel(device);
        int[] tokens = test.Tokens(1, 6);
        float[] plain = Logits(test, tokens);
        foreach (string place in (string[])["mlp.hook_pre", "hook_mlp_out", "hook_attn_out"])
        {
            using var session = new ModelSession(test.Model, new SessionOptions
            {
                MaxTokens = 6, Logits = LogitsAt.Last,
                Record = Site.MatchAll([$"blocks.*.{place}"], test.Model.Config),
            });
            session.Forward(new SequenceBatch(tokens));
            Assert.That(session.Logits.ToArray(), Is.EqualTo(plain), place);
        }
    }

    /// <summary>Where only last tokens' logits are wanted, the others leave the last block early.</summary>
    [Test, Combinatorial]
    public void Logits_of_last_tokens_have_the_bits_of_a_pass_that_makes_all(
        [ValueSource(typeof(TestDevice), nameof(TestDevice.Hosts))] string device, [Values(1, 3)] int count)
    {
        using var test = new TestModel(device);
        int[][] rows = [.. ((int[][])[test.Tokens(1, 9), test.Tokens(2, 2), test.Tokens(3, 5)]).Take(count)];
        foreach (string? site in (string?[])[null, .. Site.All(test.Model.Config).Where(s => s.Layer == 1
            && s.Kind is not (SiteKind.Ln1Scale or SiteKind.Ln2Scale)).Select(s => s.Name), "logits"])
        {
            using IDisposable _ = test.Model.Attach(site is null ? [] :
            [
                new Edit { Site = site, Operation = EditOperation.Scale, Alpha = 1.5f },
            ]);
            using var session = new ModelSession(test.Model, new SessionOptions
            {
                MaxRows = 3, MaxTokens = 9, Logits = LogitsAt.All,
            });
            session.Forward(new SequenceBatch(rows));
            float[] all = session.Logits.ToArray();
            int V = test.Model.Config.VocabSize;
            float[] last =
                [.. rows.SelectMany((row, b) => all[((b * 9 + row.Length - 1) * V)..][..V])];
            Assert.That(Logits(test, rows), Is.EqualTo(last), site);
        }
    }

    [Test]
    public void A_loss_is_of_all_tokens_in_a_session_for_last_logits_too()
    {
        using var test = new TestModel("cpu512");
        var rows = new SequenceBatch([test.Tokens(1, 9), test.Tokens(2, 2)]);
        double Loss(LogitsAt logits)
        {
            using var session = new ModelSession(test.Model, new SessionOptions
            {
                MaxRows = 2, MaxTokens = 9, Logits = logits,
            });
            session.Forward(rows);
            return session.Loss(rows, rows.NextTokens());
        }
        Assert.That(Loss(LogitsAt.Last), Is.EqualTo(Loss(LogitsAt.None)));
    }

    [TestCase(0, "is empty"), TestCase(13, "context")]
    public void A_prompt_of_the_wrong_length_is_refused(int length, string words)
    {
        using var test = new TestModel("cpu512");
        using var session = new ModelSession(test.Model, new SessionOptions { MaxTokens = 12 });
        Assert.That(() => session.Forward(new SequenceBatch(test.Tokens(1, length))),
            Throws.TypeOf<UserException>().With.Message.Contains(words));
    }

    [TestCase(-1), TestCase(37)]
    public void A_token_outside_the_vocabulary_is_refused(int token)
    {
        using var test = new TestModel("cpu512");
        using var session = new ModelSession(test.Model, new SessionOptions { MaxTokens = 12 });
        Assert.That(() => session.Forward(new SequenceBatch([1, token])),
            Throws.TypeOf<UserException>().With.Message.Contains($"token id {token}"));
    }

    static long Ops(TestModel test, IReadOnlyList<Site> record)
    {
        using var session = new ModelSession(test.Model, new SessionOptions
        {
            MaxTokens = 6, Record = record,
        });
        long before = test.Model.Device.OpCount;
        session.Forward(new SequenceBatch(test.Tokens(1, 6)));
        return test.Model.Device.OpCount - before;
    }

    static float[] Logits(TestModel test, params int[][] rows)
    {
        using var session = new ModelSession(test.Model, new SessionOptions
        {
            MaxRows = rows.Length, MaxTokens = 12, Logits = LogitsAt.Last,
        });
        session.Forward(new SequenceBatch(rows));
        return session.Logits.ToArray();
    }

    // Masked scores are minus infinity on both sides; their difference is not a number.
    static double[] Finite(double[] values)
        => Array.ConvertAll(values, v => double.IsNegativeInfinity(v) ? -1 : v);

    static float[] Finite(float[] values)
        => Array.ConvertAll(values, v => float.IsNegativeInfinity(v) ? -1 : v);
}
