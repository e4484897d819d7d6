using HeadTap.Kernels.Tests;
using HeadTap.Reference;
using HeadTap.Runtime;

namespace HeadTap.Models.Tests;

public class DecoderBackwardTests
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

    // Not the simulator, which takes half a minute: OpCaseTests runs every op on it, DecoderForwardTests a
    // pass.
    static IEnumerable<TestCaseData> Runs() =>
        from device in TestDevice.All
        from config in Enumerable.Range(0, Configs.Length)
        select new TestCaseData(device, config);

    [TestCaseSource(nameof(Runs))]
    public void Every_parameter_gradient_is_as_exact_as_float32_allows(
        string device, int config)
    {
        using var test = new TestModel(device, Configs[config]);
        int[][] rows = [test.Tokens(1, 6), test.Tokens(2, 2), test.Tokens(3, 5)];
        using var run = new BackwardRun(test, rows);
        foreach (Tensor block in run.Gradients.Set.Blocks)
            test.Model.Ops.Fill(block, 1f); // gradients are added into
        run.Go();
        var (exact, plain) = (run.Oracle(test.Exact), run.Oracle(test.Plain));
        Assert.That(Math.Abs(run.Loss - exact.Loss), Is.LessThanOrEqualTo(1e-5));
        Agreement.PassAtMostTwiceFloat32(test.Model.Parameters.Slices.Select(slice => (slice.Name,
            Numbers.PlusOne(exact.Parameters[test.NameOf(slice)]),
            Numbers.PlusOne(plain.Parameters[test.NameOf(slice)]),
            run.Gradients.Set[slice.Name].ToArray())));
    }

    [Test, Combinatorial]
    public void Every_site_gradient_is_as_exact_as_float32_allows(
        [ValueSource(typeof(TestDevice), nameof(TestDevice.Quick))] string device,
        [Values(0, 1, 2, 3, 4)] int config)
    {
        using var test = new TestModel(device, Configs[config]);
        int[] tokens = test.Tokens(1, 6);
        Site[] sites =
            [.. Site.All(test.Model.Config).Where(s => !s.Name.EndsWith("scale", StringComparison.Ordinal))];
        using var run = new BackwardRun(test, [tokens], sites);
        run.Go();
        var (exact, plain) = (run.Oracle(test.Exact), run.Oracle(test.Plain));
        var parts = new List<(string, double[], float[], float[])>();
        foreach (Site site in sites)
        {
            // Above the diagonal the oracle says what moving a pattern's zero would do; we say nothing there.
            double[] truth = Causal(site, exact.Sites[site.Name], 6);
            float[] plainly = Array.ConvertAll(
                Causal(site, Array.ConvertAll(plain.Sites[site.Name], v => (double)v), 6), v => (float)v);
            float[] ours = TestModel.Row(run.Session.SiteGradients[site], site, 0, 6);
            ours = Array.ConvertAll(Causal(site, Array.ConvertAll(ours, v => (double)v), 6), v => (float)v);
            parts.Add((site.Name, truth, plainly, ours));
        }
        Agreement.PassAtMostTwiceFloat32(parts);
    }

    [TestCase("h.1.mlp.*"), TestCase("ln_f.*"), TestCase("h.*.attn.c_attn.bias"), TestCase("wpe.weight"),
     TestCase("h.0.ln_2.*"), TestCase("h.*.mlp.*"), TestCase("h.0.mlp.c_fc.*"), TestCase("wte.weight")]
    public void Frozen_parameters_have_no_memory_and_change_no_bit_of_the_others(string trained)
    {
        using var test = new TestModel("cpu512");
        int[][] rows = [test.Tokens(1, 6), test.Tokens(2, 3)];
        using var all = new BackwardRun(test, rows);
        long before = test.Model.Device.OpCount;
        all.Go();
        long opsForAll = test.Model.Device.OpCount - before;
        HashSet<string> names = [.. test.Model.Parameters.Match(trained).Select(s => s.Name)];
        using var some = new BackwardRun(test, rows, trained: names);
        before = test.Model.Device.OpCount;
        some.Go();
        Assert.That(test.Model.Device.OpCount - before, Is.LessThan(opsForAll));
        Assert.That(some.Gradients.Set.TotalLength,
            Is.EqualTo(test.Model.Parameters.Match(trained).Sum(s => s.Length)));
        foreach (string name in names)
            Assert.That(some.Gradients.Set[name].ToArray(),
                Is.EqualTo(all.Gradients.Set[name].ToArray()), name);
    }

    [Test]
    public void The_same_batch_gives_the_same_bits_again()
    {
        using var test = new TestModel("cpu512");
        using var run = new BackwardRun(test, [test.Tokens(1, 6), test.Tokens(2, 3)]);
        run.Go();
        float[] first = run.Gradients.Set.Blocks[0].ToArray();
        run.Gradients.Clear(test.Model.Ops);
        run.Go();
        Assert.That(run.Gradients.Set.Blocks[0].ToArray(), Is.EqualTo(first));
    }

    static double[] Causal(Site site, double[] values, int T)
    {
        if (site.Kind is SiteKind.Scores or SiteKind.Pattern)
            for (int i = 0; i < values.Length; i++)
                if (i % T > i / T % T)
                    values[i] = 0;
        return values;
    }

    sealed class BackwardRun : IDisposable
    {
        readonly TestModel _test;
        readonly int[][] _rows;
        readonly TensorArena _arena;

        public BackwardRun(TestModel test, int[][] rows, Site[]? sites = null,
            IReadOnlySet<string>? trained = null)
        {
            (_test, _rows) = (test, rows);
            _arena = new TensorArena(test.Model.Device,
                ParameterGradients.Length(test.Model.Parameters, trained) + 64);
            Gradients = new ParameterGradients(_arena, test.Model.Parameters, trained);
            Session = new ModelSession(test.Model, new SessionOptions
            {
                MaxRows = rows.Length, MaxTokens = 6, Backward = true, RecordGradients = sites ?? [],
            });
        }

        public ParameterGradients Gradients { get; }

        public ModelSession Session { get; }

        public double Loss { get; private set; }

        public void Go()
        {
            var batch = new SequenceBatch(_rows);
            int counted = _rows.Sum(r => r.Length - 1);
            (double sum, int count) = Session.ForwardBackward(batch, batch.NextTokens(),
                Gradients, 1f / counted);
            Assert.That(count, Is.EqualTo(counted));
            Loss = sum / count;
        }

        public (double Loss, Dictionary<string, T[]> Parameters, Dictionary<string, T[]> Sites) Oracle<T>(
            Dictionary<string, T[]> parameters) where T : System.Numerics.IFloatingPointIeee754<T>
        {
            int counted = _rows.Sum(r => r.Length - 1);
            ParameterGradients<T>[] all = [.. _rows.Select(r => Gpt2Reference.Backward(
                _test.Sizes, parameters, r, Gpt2Reference.NextTokens(r), counted: counted))];
            var sum = all[0].Parameters.ToDictionary(p => p.Key, p => (T[])p.Value.Clone());
            foreach (ParameterGradients<T> one in all.Skip(1))
                foreach ((string name, T[] values) in one.Parameters)
                    for (int i = 0; i < values.Length; i++)
                        sum[name][i] += values[i];
            return (all.Sum(a => double.CreateChecked(a.Loss)), sum, all[0].Sites);
        }

        public void Dispose()
        {
            Session.Dispose();
            _arena.Dispose();
        }
    }
}
