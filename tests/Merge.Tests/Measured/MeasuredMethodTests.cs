using HeadTap.Models;
using HeadTap.Reference;

namespace HeadTap.Merge.Tests;

/// <summary>fisher, regmean, adamerging and greedy_soup on small models.</summary>
public sealed class MeasuredMethodTests : IDisposable
{
    MeasuredModels _models = null!;

    [SetUp]
    public void Open() => _models = new MeasuredModels();

    [TearDown]
    public void Dispose() => _models.Dispose();

    static double Loss(LanguageModel model, IReadOnlyList<int[]> rows)
        => TextEvaluation.Run(model, rows, model.Config.ContextLength, model.Config.ContextLength).Loss;

    static float[] Slice(float[] flat, ParameterSlice slice)
        => flat[(int)slice.Offset..(int)(slice.Offset + slice.Length)];

    [Test]
    public void Fisher_is_the_mean_of_squared_gradients_of_rows()
    {
        float[] flat = _models.Write("a", 1, 0.05f);
        IReadOnlyList<int[]> rows = MeasuredModels.Rows(3, 3);
        using LanguageModel model = _models.Load(flat);
        Dictionary<string, float[]> found = Fisher.Squares(model, rows, _ => { });
        ModelConfig c = MeasuredModels.Config;
        var sizes = new Gpt2Sizes(c.VocabSize, c.ContextLength, c.Width, c.Layers, c.Heads, c.Inner);
        Dictionary<string, double[]> wide = _models.Layout.Slices.ToDictionary(
            s => s.Name, s => Tensors.Wide(Slice(flat, s)));
        IReadOnlyDictionary<string, double[]>[] gradients = [.. rows.Select(row =>
            Gpt2Reference.Backward(sizes, wide, row, Gpt2Reference.NextTokens(row)).Parameters)];
        foreach (ParameterSlice slice in _models.Layout.Slices)
        {
            double[] expected = [.. Enumerable.Range(0, (int)slice.Length)
                .Select(i => gradients.Average(g => g[slice.Name][i] * g[slice.Name][i]))];
            Assert.That(Tensors.Wide(found[slice.Name]),
                Is.EqualTo(expected).Within(2e-5 * expected.Max()), slice.Name);
        }
    }

    [TestCase(true), TestCase(false)]
    public void Fisher_merges_by_these_weights(bool normalize)
    {
        float[][] flats = [_models.Write("a", 1, 0.05f), _models.Write("b", 2, 0.05f)];
        IReadOnlyList<int[]>[] rows = [MeasuredModels.Rows(3, 4), MeasuredModels.Rows(4, 5)];
        float[] merged = _models.Merged(_models.Of(new Fisher(), rows, ["a", "b"], null,
            (Fisher.NormalizeFisher, normalize ? 1 : 0), (Fisher.LeastFisher, 1e-4)));
        double[][] f = [.. flats.Select((flat, m) =>
        {
            using LanguageModel model = _models.Load(flat);
            Dictionary<string, float[]> squares = Fisher.Squares(model, rows[m], _ => { });
            return _models.Layout.Slices.SelectMany(s => squares[s.Name]).Select(v => (double)v).ToArray();
        })];
        double[] c = [.. f.Select(v => normalize ? 1 / (Math.Sqrt(v.Sum(x => x * x)) + 1e-4) : 1)];
        double[] expected = [.. merged.Select((_, i) =>
        {
            double a = c[0] * (f[0][i] + 1e-4), b = c[1] * (f[1][i] + 1e-4);
            return (a * flats[0][i] + b * flats[1][i]) / (a + b);
        })];
        Tensors.AssertRounded(merged, expected);
    }

    [Test]
    public void Fisher_of_weights_1_and_0_and_of_equal_models_is_the_model()
    {
        float[] a = _models.Write("a", 1, 0.05f);
        _ = _models.Write("b", 2, 0.05f);
        IReadOnlyList<int[]>[] rows = [MeasuredModels.Rows(3, 2), MeasuredModels.Rows(4, 2)];
        MergeMeasurement of = _models.Of(new Fisher(), rows, ["a", "b"]);
        MergeConfig weighed = of.Config with
        {
            Models = [.. of.Config.Models.Select((m, i) => m with
            {
                Parameters = new Dictionary<string, ParameterValue> { ["weight"] = ParameterValue.Of(1 - i) },
            })],
        };
        Assert.That(_models.Merged(of with { Config = weighed }), Is.EqualTo(a));
        Assert.That(_models.Merged(_models.Of(new Fisher(), rows, ["a", "a"])), Is.EqualTo(a));
    }

    // At the minimum of sum_i |X_i (W - W_i)|^2 its gradient is 0; the inputs are recorded here anew.
    [TestCase(1.0), TestCase(0.6), TestCase(0.0)]
    public void Regmean_is_nearest_to_all_outputs(double alpha)
    {
        float[][] flats = [_models.Write("a", 1, 0.1f), _models.Write("b", 2, 0.1f)];
        IReadOnlyList<int[]>[] rows = [MeasuredModels.Rows(3, 20), MeasuredModels.Rows(4, 20)];
        float[] merged = _models.Merged(_models.Of(new RegMean(), rows, ["a", "b"], null,
            (RegMean.OffDiagonal, alpha)));
        (Role Role, SiteKind Kind)[] maps = [(Role.QkvWeight, SiteKind.Ln1Normalized),
            (Role.ProjWeight, SiteKind.Z), (Role.MlpInWeight, SiteKind.Ln2Normalized),
            (Role.MlpOutWeight, SiteKind.MlpPost)];
        foreach ((Role role, SiteKind kind) in maps)
        {
            ParameterSlice slice = _models.Layout[role, 1];
            int n = slice.Shape[0], outputs = slice.Shape[1];
            double[,] slope = new double[n, outputs];
            double largest = 0;
            for (int m = 0; m < 2; m++)
            {
                double[,] g = InnerProducts(flats[m], rows[m], new Site(kind, 1), n);
                float[] own = Slice(flats[m], slice), all = Slice(merged, slice);
                for (int i = 0; i < n; i++)
                    for (int o = 0; o < outputs; o++)
                        for (int j = 0; j < n; j++)
                        {
                            double term = (i == j ? 1 : alpha) * g[i, j]
                                * ((double)all[j * outputs + o] - own[j * outputs + o]);
                            slope[i, o] += term;
                            largest = Math.Max(largest, Math.Abs(term));
                        }
            }
            Assert.That(slope.Cast<double>().Max(Math.Abs), Is.LessThan(1e-5 * largest * n), role.ToString());
        }
        ParameterSlice bias = _models.Layout[Role.QkvBias, 0];
        Tensors.AssertRounded(Slice(merged, bias), [.. Slice(flats[0], bias)
            .Zip(Slice(flats[1], bias), (x, y) => ((double)x + y) / 2)]);
    }

    double[,] InnerProducts(float[] flat, IReadOnlyList<int[]> rows, Site site, int n)
    {
        using LanguageModel model = _models.Load(flat);
        using var session = new ModelSession(model, new SessionOptions
        {
            MaxTokens = rows.Max(r => r.Length), Record = [site],
        });
        double[,] g = new double[n, n];
        foreach (int[] row in rows)
        {
            session.Forward(new SequenceBatch(row));
            float[] x = session.Recordings[site].ToArray();
            for (int t = 0; t < row.Length; t++)
                for (int i = 0; i < n; i++)
                    for (int j = 0; j < n; j++)
                        g[i, j] += (double)x[t * n + i] * x[t * n + j];
        }
        return g;
    }

    [Test]
    public void Regmean_of_equal_models_is_the_model()
    {
        float[] a = _models.Write("a", 1, 0.1f);
        IReadOnlyList<int[]>[] rows = [MeasuredModels.Rows(3, 20), MeasuredModels.Rows(4, 20)];
        Assert.That(_models.Merged(_models.Of(new RegMean(), rows, ["a", "a"])), Is.EqualTo(a).Within(1e-5));
    }

    double Entropy(float[] flat, IReadOnlyList<IReadOnlyList<int[]>> all)
    {
        using LanguageModel model = _models.Load(flat);
        int V = model.Config.VocabSize;
        return all.Sum(rows =>
        {
            using var session = new ModelSession(model, new SessionOptions
            {
                MaxTokens = rows.Max(r => r.Length), Logits = LogitsAt.All,
            });
            double sum = 0;
            foreach (int[] row in rows)
            {
                session.Forward(new SequenceBatch(row));
                foreach (float[] z in session.Logits.ToArray().Chunk(V))
                {
                    double all = z.Sum(v => Math.Exp(v));
                    sum -= z.Sum(v => Math.Exp(v) / all * Math.Log(Math.Exp(v) / all));
                }
            }
            return sum / rows.Sum(r => r.Length);
        });
    }

    float[] Combined(float[] start, float[][] models, Func<string, int, double> lambda)
        => [.. _models.Layout.Slices.SelectMany(s => Enumerable.Range((int)s.Offset, (int)s.Length)
            .Select(i => (float)(start[i] + models.Select((m, at) =>
                lambda(s.Name, at) * (m[i] - start[i])).Sum())))];

    // The first step of Adam goes by the learning rate against the sign of the slope, which is that of
    // central differences of the entropy.
    [TestCase(true), TestCase(false)]
    public void Adamerging_steps_against_the_slope_of_the_entropy(bool layerWise)
    {
        float[] start = _models.Write("base", 7, 0.01f);
        float[][] models = [_models.Write("a", 1, 0.2f), _models.Write("b", 2, 0.2f)];
        IReadOnlyList<int[]>[] rows = [MeasuredModels.Rows(3, 4), MeasuredModels.Rows(4, 4)];
        Dictionary<string, double[]> learnt = AdaMerging.Learn(_models.Of(new AdaMerging(), rows, ["a", "b"],
            "base", (AdaMerging.Steps, 1), (AdaMerging.LayerWise, layerWise ? 1 : 0)));
        int seen = 0;
        foreach (string tensor in layerWise ? learnt.Keys.ToArray() : ["wte.weight"])
            for (int m = 0; m < 2; m++)
            {
                double At(double x) => Entropy(Combined(start, models, (name, at) =>
                    0.3 + (at == m && (!layerWise || name == tensor) ? x : 0)), rows);
                double slope = (At(0.02) - At(-0.02)) / 0.04;
                if (Math.Abs(slope) < 1e-4) // of the order of the differences' own error
                    continue;
                seen++;
                Assert.That(learnt[tensor][m], Is.EqualTo(0.3 - 1e-3 * Math.Sign(slope)).Within(1e-6),
                    $"{tensor} {m}");
            }
        Assert.That(seen, Is.GreaterThan(layerWise ? 30 : 1));
        if (!layerWise)
            Assert.That(learnt.Values, Is.All.EqualTo(learnt["wte.weight"]));
    }

    [Test]
    public void Adamerging_lowers_the_entropy_and_no_step_is_task_arithmetic()
    {
        float[] start = _models.Write("base", 7, 0.01f);
        float[][] models = [_models.Write("a", 1, 0.2f), _models.Write("b", 2, 0.2f)];
        IReadOnlyList<int[]>[] rows = [MeasuredModels.Rows(3, 5), MeasuredModels.Rows(4, 3)];
        float[] before = _models.Merged(_models.Of(new AdaMerging(), rows, ["a", "b"], "base",
            (AdaMerging.Steps, 0)));
        Assert.That(before, Is.EqualTo(Combined(start, models, (_, _) => 0.3)).Within(1e-6));
        MergeMeasurement learn = _models.Of(new AdaMerging(), rows, ["a", "b"], "base",
            (AdaMerging.Steps, 20), (AdaMerging.LearningRate, 0.02));
        float[] after = _models.Merged(learn);
        Assert.That(Entropy(after, rows), Is.LessThan(Entropy(before, rows) - 0.01));
        Assert.That(_models.Merged(learn), Is.EqualTo(after));
    }

    // Every choice is made again here, of folders' means and by another evaluation.
    // In the last cases a model joins late whose mean is worse than the soup and better than the first model.
    [TestCase(1, 0.02f, 0.4f, 0.05f, 0.03f, 0.8f), TestCase(2, 0.02f, 0.4f, 0.05f, 0.03f, 0.8f)]
    [TestCase(5, 0.3f, 0.3f, 0.3f, 0.5f, 0.5f)]
    [TestCase(6, 0.3f, 0.3f, 0.3f, 0.5f, 0.5f), TestCase(7, 0.3f, 0.3f, 0.3f, 0.5f, 0.5f)]
    public void A_greedy_soup_keeps_what_does_no_harm(int seed, params float[] scales)
    {
        float[][] flats = [.. scales.Select((scale, m) => _models.Write($"m{m}", 10 * seed + m, scale))];
        IReadOnlyList<int[]> rows = MeasuredModels.Rows(seed, 12);
        double Of(IEnumerable<int> members)
        {
            int[] list = [.. members];
            using LanguageModel model = _models.Load([.. Enumerable.Range(0, flats[0].Length)
                .Select(i => (float)list.Average(m => (double)flats[m][i]))]);
            return Loss(model, rows);
        }
        double[] losses = [.. Enumerable.Range(0, 5).Select(m => Of([m]))];
        int[] order = [.. Enumerable.Range(0, 5).OrderBy(m => losses[m])];
        List<int> expected = [order[0]];
        foreach (int m in order[1..])
            if (Of([.. expected, m]) <= Of(expected))
                expected.Add(m);
        MergeMeasurement of = _models.Of(new GreedySoup(), [rows, rows, rows, rows, rows],
            [.. scales.Select((_, m) => $"m{m}")]);
        Assert.That(GreedySoup.Chosen(of), Is.EqualTo(expected));
        Assert.That(expected, Has.Count.InRange(1, 4));
        Tensors.AssertRounded(_models.Merged(of), [.. Enumerable.Range(0, flats[0].Length)
            .Select(i => expected.Average(m => (double)flats[m][i]))]);
    }

    [Test]
    public void A_greedy_soup_keeps_what_changes_nothing()
    {
        float[] a = _models.Write("a", 1, 0.05f);
        IReadOnlyList<int[]> rows = MeasuredModels.Rows(3, 4);
        MergeMeasurement of = _models.Of(new GreedySoup(), [rows, rows], ["a", "a"]);
        Assert.That(GreedySoup.Chosen(of), Is.EqualTo((int[])[0, 1]));
        Assert.That(_models.Merged(of), Is.EqualTo(a));
    }

    [Test]
    public void Windows_are_as_long_as_the_context_and_predict_something()
        => Assert.That(MergeMeasurement.Windows([[1, 2, 3, 4, 5, 6, 7], [8], []], 3),
            Is.EqualTo((int[][])[[1, 2, 3], [4, 5, 6]]));

    [Test]
    public void Defaults_are_the_published_ones()
    {
        (MergeParameter Parameter, double Value)[] published =
        [
            (Fisher.NormalizeFisher, 1), (Fisher.LeastFisher, 1e-6), (MeasuredMethod.Examples, 256),
            (RegMean.OffDiagonal, 0.6), (AdaMerging.Initial, 0.3), (AdaMerging.LearningRate, 1e-3),
            (AdaMerging.Steps, 500), (AdaMerging.BatchRows, 16), (AdaMerging.LayerWise, 1), (Lawa.Latest, 6),
        ];
        foreach ((MergeParameter parameter, double value) in published)
            Assert.That(parameter.Default, Is.EqualTo(value), parameter.Name);
    }
}
