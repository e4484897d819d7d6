using HeadTap.Kernels.Tests;
using HeadTap.Models;
using HeadTap.Models.Tests;
using HeadTap.Reference;
using HeadTap.Runtime;

namespace HeadTap.Lens.Tests;

public class LensEvaluationTests
{
    const string Hash = "0123456789abcdef";

    static readonly int[][] Rows = [[3, 14, 15, 9, 2], [], [6, 5, 3], [1, 30, 36, 4, 11, 8, 20]];

    [Test, Combinatorial]
    public void Measures_are_those_of_the_equations(
        [Values(LensKind.Head, LensKind.LowRank, LensKind.Residual, LensKind.Tuned)] LensKind kind,
        [Values("last", "all")] string positions)
    {
        using var test = new TestModel("cpu512");
        using var folder = new TemporaryFolder();
        LensSource source = Source(test.Model, folder, kind);
        int[] unigram = [.. Enumerable.Range(0, 37).Select(v => v * v % 11)];
        LensEvaluationResult found = LensEvaluation.Run(test.Model, source, [0, 1], Rows, unigram,
            new() { Positions = PositionChoice.Parse(positions), Top = 9, BatchRows = 2 });
        Assert.That((found.Rows, found.Positions), Is.EqualTo((3, positions == "all" ? 15L : 3L)));
        Assert.That(found.Layers.Select(l => l.Layer), Is.EqualTo(new[] { 0, 1 }));
        double[] exact = Expected(test.Exact, v => v, test, folder, kind, positions, unigram);
        double[] plain = Expected(test.Plain, v => (float)v, test, folder, kind, positions, unigram);
        double[] got = [found.ModelEntropy, found.UnigramKl!.Value, .. found.Layers.SelectMany(l =>
            new[] { l.Lens, l.LogitLens, l.Normalized }.Concat(l.Heads)
                .SelectMany(s => (double[])[s.Kl, s.Entropy, s.Top1, s.Top5, s.TopK]))];
        Agreement.AtMostTwiceFloat32("measures", exact, Narrow(plain), Narrow(got));
        Assert.That(found.Layers[0].Heads, Has.Count.EqualTo(kind == LensKind.Tuned ? 0 : 4));
        Assert.That(found.Layers.All(l => l.Lens.Kl > 0 && l.Lens.Top5 <= l.Lens.TopK), Is.True);
    }

    [Test]
    public void The_logit_lens_is_its_own_baseline()
    {
        using var test = new TestModel("cpu512");
        LensSource source = LensSource.Find(LensSource.Logit, test.Model.Config, Hash);
        LensEvaluationResult found = LensEvaluation.Run(test.Model, source, [1], Rows, null, new());
        Assert.That(found.UnigramKl, Is.Null);
        Assert.That(found.Layers[0].Lens, Is.EqualTo(found.Layers[0].LogitLens));
        Assert.That(found.Layers[0].Normalized, Is.Not.EqualTo(found.Layers[0].LogitLens));
    }

    [Test]
    public void Logits_that_overflow_are_the_lens_own_and_refused_wherever_it_is_read()
    {
        using var test = new TestModel("cpu512");
        using var folder = new TemporaryFolder();
        LensSource source = Source(test.Model, folder, LensKind.Head, 3e37f);
        Tensor writes = test.Model.Weights.Layers[1].ProjWeight;
        writes.Upload(Array.ConvertAll(writes.ToArray(), v => v * 1e4f)); // and the model normalises that
        test.Model.RequiresFinite = true;
        Action[] readings =
        [
            () => LensEvaluation.Run(test.Model, source, [1], Rows, null, new()),
            () => LensReadings.OfLastTokens(test.Model, source, new([1], [0], 3), [[3, 14, 15]]),
            () => LensReadings.OfPrompt(test.Model, source, new([1], [0], 3), [3, 14, 15], [1]),
        ];
        foreach (Action reading in readings)
            BadInput.Refused(() => reading(), "the lens' logits are not finite: its map overflows");
        test.Model.RequiresFinite = false;
        readings[0]();
    }

    [Test]
    public void Blocks_and_batches_are_rounding_alone()
    {
        using var test = new TestModel("cpu512");
        LensSource source = LensSource.Find(LensSource.Logit, test.Model.Config, Hash);
        // 12 rows of 11 positions: more than two blocks of 64, cut within rows.
        int[][] rows = [.. Enumerable.Range(0, 12).Select(i => Numbers.Integers(i, 11, 37))];
        LensEvaluationResult Run(int batch) => LensEvaluation.Run(test.Model, source, [0, 1], rows, null,
            new() { Positions = PositionChoice.All, BatchRows = batch });
        LensEvaluationResult one = Run(1), many = Run(5);
        Assert.That(one.Positions, Is.EqualTo(132));
        Assert.That(many.ModelEntropy, Is.EqualTo(one.ModelEntropy).Within(1e-6));
        foreach ((LayerScore a, LayerScore b) in one.Layers.Zip(many.Layers))
            Assert.That(b.Lens.Kl, Is.EqualTo(a.Lens.Kl).Within(1e-6 * a.Lens.Kl));
        Assert.That(Run(5), Is.Not.SameAs(many));
        Assert.That(Run(5).Layers[1].Lens, Is.EqualTo(many.Layers[1].Lens), "two runs");
    }

    [Test]
    public void Drawn_positions_follow_the_seed_and_the_batch()
    {
        using var test = new TestModel("cpu512");
        using var folder = new TemporaryFolder();
        LensSource source = Source(test.Model, folder, LensKind.Thin);
        int[][] rows = [.. Enumerable.Range(0, 9).Select(i => test.Tokens(i + 1, 12))];
        PositionChoice one = PositionChoice.Sample(1);
        double Kl(PositionChoice choice, ulong seed, int[][] of) => LensEvaluation.Run(
            test.Model, source, [1], of, null,
            new() { Positions = choice, Seed = seed, BatchRows = 2 }).Layers[0].Lens.Kl;
        foreach (ulong seed in (ulong[])[3, 4])
        {
            // The same positions as the last ones of rows that end there.
            int[][] cut = [.. rows.Chunk(2).SelectMany((some, batch) =>
                one.Of(new SequenceBatch([.. some]), seed, batch)
                    .Select((at, b) => some[b][..(at % 12 + 1)]))];
            Assert.That(Kl(one, seed, rows), Is.EqualTo(Kl(PositionChoice.Last, 0, cut)).Within(1e-5));
        }
        Assert.That(Kl(one, 3, rows), Is.Not.EqualTo(Kl(one, 4, rows)).Within(1e-4));
    }

    [Test]
    public void A_row_of_one_token_counts()
    {
        Assert.That(LensEvaluation.Usable([[1], [], [2, 3]]), Is.EqualTo((int[][])[[1], [2, 3]]));
        using var test = new TestModel("cpu512");
        LensSource source = LensSource.Find(LensSource.Logit, test.Model.Config, "0123456789abcdef");
        LensEvaluationResult found =
            LensEvaluation.Run(test.Model, source, [1], [[1], [], [2, 3]], null, new());
        Assert.That((found.Rows, found.Positions), Is.EqualTo((2, 2L)));
    }

    [Test]
    public void Texts_without_a_token_are_refused()
        => BadInput.Refused(() => LensEvaluation.Usable([[], []]), "no usable position");

    [Test]
    public void Distances_and_ranks_made_by_hand()
    {
        float[] model = [0, 0, MathF.Log(2), 0, 1, 0, 0, 0]; // p = (1, 1, 2, 1) / 5; token 0 of the second
        var words = new ModelWords(model, 4);
        double entropy = 0.6 * Math.Log(5) + 0.4 * Math.Log(2.5);
        Assert.That(words.Entropy[0], Is.EqualTo(entropy).Within(1e-7));
        LensAtPosition[] same = words.Against([.. model.Select(l => l + 8)]);
        Assert.That(same[0].Kl, Is.EqualTo(0).Within(1e-6));
        Assert.That(same.Select(s => s.Rank), Is.All.Zero);
        Assert.That(words.Against(model).Select(s => s.Kl), Is.All.EqualTo(0).Within(1e-15));
        LensAtPosition[] uniform = words.Against(new float[8]);
        Assert.That(uniform[0].Kl, Is.EqualTo(Math.Log(4) - entropy).Within(1e-7));
        Assert.That(uniform[0].Entropy, Is.EqualTo(Math.Log(4)).Within(1e-12));
        Assert.That(uniform.Select(s => s.Rank), Is.EqualTo(new[] { 2, 0 }), "of equals the lower id first");
        Assert.That(words.Against([9, 1, 5, 5, 0, 1, 1, 1]).Select(s => s.Rank),
            Is.EqualTo(new[] { 1, 3 }));
        Assert.That(words.KlFrom(0, [.. Enumerable.Repeat(-Math.Log(4), 4)]),
            Is.EqualTo(Math.Log(4) - entropy).Within(1e-7));
        LensAtPosition broken = words.Against([0, 0, float.NaN, 0, 0, 0, 0, 0])[0];
        Assert.That(broken.Kl, Is.NaN);
        Assert.That(new ModelWords([float.NaN, 1, 2, 3], 4).Entropy[0], Is.NaN);
        Assert.That(words.Against([0, float.NaN, 3, 0, 0, 0, 0, 0])[0].Rank, Is.EqualTo(1));
    }

    internal static LensSource Source(
        LanguageModel model, TemporaryFolder folder, LensKind kind, float scale = 0.3f)
    {
        using LensSet lens = LensSet.Initial(model, LensKindTests.Options(kind), [0, 1], 3);
        int seed = 1;
        foreach (LensParameter p in lens.Layers.SelectMany(l => lens[l].Parameters))
            p.Value.Upload(Numbers.Normal(seed++, (int)p.Value.Length, 0, scale));
        LensFolder.Save(folder["lens"], LensMetadata.Of(lens, Hash), lens, new HashSet<int> { 0, 1 });
        return LensSource.Find(folder["lens"], model.Config, Hash);
    }

    // The same measures from the textbook model and the lenses' equations, in T.
    static double[] Expected<T>(Dictionary<string, T[]> parameters, Func<double, T> to, TestModel test,
        TemporaryFolder folder, LensKind kind, string positions, int[] unigram)
        where T : System.Numerics.IFloatingPointIeee754<T>
    {
        int V = 37, C = 20;
        double entropy = 0, unigramKl = 0, total = unigram.Sum() + V;
        T[] logQ = [.. unigram.Select(c => to(Math.Log((c + 1) / total)))];
        var sums = new double[2][][];
        int n = 0;
        foreach (int[] row in Rows.Where(r => r.Length > 0))
        {
            Dictionary<string, T[]> sites = Gpt2Reference.Forward(test.Sizes, parameters, row);
            for (int t = positions == "all" ? 0 : row.Length - 1; t < row.Length; t++, n++)
            {
                T[] At(string site, int width) => sites[site][(t * width)..((t + 1) * width)];
                T[] target = At("logits", V);
                entropy += double.CreateChecked(Entropy(target));
                unigramKl += double.CreateChecked(KlDivergenceReference.Forward(target, logQ, 1)[0]);
                for (int layer = 0; layer < 2; layer++)
                {
                    var sight = new LensSight<T>(At($"blocks.{layer}.attn.hook_z", C),
                        At($"blocks.{layer}.hook_resid_pre", C), At($"blocks.{layer}.hook_resid_mid", C),
                        parameters[$"h.{layer}.attn.c_proj.weight"],
                        parameters[$"h.{layer}.attn.c_proj.bias"], parameters["ln_f.weight"],
                        parameters["ln_f.bias"], parameters["wte.weight"], new T[V]);
                    T[][] all = [.. Lenses(sight, to, test, folder, kind, layer,
                        At($"blocks.{layer}.hook_attn_out", C))];
                    sums[layer] ??= [.. all.Select(_ => new double[5])];
                    for (int i = 0; i < all.Length; i++)
                        Add(sums[layer][i], target, all[i]);
                }
            }
        }
        return [.. new[] { entropy, unigramKl }.Concat(sums.SelectMany(s => s.SelectMany(x => x)))
            .Select(sum => sum / n)];
    }

    // The lens, the logit lens, the normalized one, each head.
    static IEnumerable<T[]> Lenses<T>(LensSight<T> at, Func<double, T> to, TestModel test,
        TemporaryFolder folder, LensKind kind, int layer, T[] attnOut)
        where T : System.Numerics.IFloatingPointIeee754<T>
    {
        using SafetensorsReader file = SafetensorsReader.Open(folder["lens/lens.safetensors"]);
        string prefix = $"layers.{layer}.";
        Dictionary<string, T[]> lens = file.Entries.Where(e => e.Name.StartsWith(prefix)).ToDictionary(
            e => e.Name[prefix.Length..], e =>
            {
                float[] values = new float[e.Shape.Aggregate(1L, (a, b) => a * b)];
                file.Read(e.Name, values);
                return Array.ConvertAll(values, v => to(v));
            });
        string name = kind == LensKind.LowRank ? "low-rank" : $"{kind}".ToLowerInvariant();
        var oracle = new LensReference(name, 4, 1e-5);
        yield return oracle.Logits(at, lens);
        (float[] W, float[] b) = WeightProcessing.Unembedding(test.Model);
        yield return kind switch
        {
            LensKind.Residual => oracle.ModelLogits(at, at.After),
            LensKind.Tuned => oracle.ModelLogits(at, at.Before),
            _ => new LensReference("logit", 4, 1e-5).Logits(at, new Dictionary<string, T[]>
            {
                ["weight"] = Array.ConvertAll(W, v => to(v)), ["bias"] = Array.ConvertAll(b, v => to(v)),
            }),
        };
        yield return oracle.ModelLogits(at, attnOut);
        for (int h = 0; h < (kind == LensKind.Tuned ? 0 : 4); h++)
        {
            T[] z = [.. at.Z.Select((value, c) => c / 5 == h ? value : T.Zero)];
            bool stream = kind == LensKind.Residual; // its bias and the stream's part are no head's
            T[] bias = [.. lens["bias"].Select(c => stream ? T.Zero : c / to(4))];
            yield return oracle.Logits(
                at with
                {
                    Z = z, Before = stream ? Array.ConvertAll(at.ProjectionBias, v => -v) : at.Before,
                },
                new Dictionary<string, T[]>(lens) { ["bias"] = bias });
        }
    }

    static void Add<T>(double[] sum, T[] target, T[] logits)
        where T : System.Numerics.IFloatingPointIeee754<T>
    {
        int first = Array.IndexOf(target, target.Max());
        int rank = logits.Where((l, v) => l > logits[first] || (l == logits[first] && v < first)).Count();
        sum[0] += double.CreateChecked(KlDivergenceReference.Forward(target, logits, 1)[0]);
        sum[1] += double.CreateChecked(Entropy(logits));
        foreach ((int i, int k) in ((int, int)[])[(2, 1), (3, 5), (4, 9)])
            sum[i] += rank < k ? 1 : 0;
    }

    static T Entropy<T>(T[] logits) where T : System.Numerics.IFloatingPointIeee754<T>
    {
        T entropy = T.Zero;
        foreach (T logP in CrossEntropyReference.LogSoftmax<T>(logits))
            entropy -= T.Exp(logP) * logP;
        return entropy;
    }

    static float[] Narrow(double[] values) => Array.ConvertAll(values, v => (float)v);
}
