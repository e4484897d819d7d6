using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Lens.Tests;

/// <summary>What a lens says of heads, against the textbook.</summary>
public sealed class LensReaderTests
{
    const int V = 37, C = 20, H = 4, Layer = 1;

    static readonly int[] Prompt = [3, 14, 15, 9, 2, 6, 5, 30];

    static readonly ModelConfig Config =
        new() { VocabSize = V, ContextLength = 12, Width = C, Layers = 2, Heads = H, Inner = 28 };

    [Test]
    public void The_logit_lens_reads_each_heads_result_with_the_folded_unembedding()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = Random(device);
        LensReadings found = Read(model, LensSource.Find("logit", Config, "hash"), [4, 7]);
        float[] results = Recorded(model, SiteKind.Result);
        (float[] weight, float[] bias) = WeightProcessing.Unembedding(model);
        foreach ((int p, int i) in (ReadOnlySpan<(int, int)>)[(4, 0), (7, 1)])
            for (int h = 0; h < H; h++)
            {
                double[] logits = [.. Enumerable.Range(0, V).Select(v => bias[v] + Enumerable.Range(0, C)
                    .Sum(c => (double)results[(p * H + h) * C + c] * weight[v * C + c]))];
                LensWords words = found.Learned[0].Heads[h].Words[i];
                Assert.That(words.Top.Select(t => t.Id),
                    Is.EqualTo(Enumerable.Range(0, V).OrderByDescending(v => logits[v])));
                foreach (LensToken token in words.Top)
                    Assert.That(token.Logit, Is.EqualTo(logits[token.Id]).Within(1e-5));
                Assert.That(words.CenteredLogit,
                    Is.EqualTo(logits[found.Model[i][0].Id] - logits.Average()).Within(1e-5));
            }
        Assert.That(found.Baseline, Is.SameAs(found.Learned));
    }

    // A tuned lens that was not trained is the logit lens before its layer.
    [Test]
    public void The_stream_by_an_untrained_tuned_lens_is_the_logit_lens_of_the_trajectory()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = Random(device);
        using var lens = LensSet.Initial(model, new() { Kind = LensKind.Tuned }, [0, 1], 5);
        using var at = new LensActivations(model, [0, 1], [LensKind.Tuned], 1, 8, 8);
        at.Add(new SequenceBatch([Prompt]), [.. Enumerable.Range(0, 8)]);
        IReadOnlyList<IReadOnlyList<StreamReading>> expected = StreamTrajectory.OfPrompt(model, Prompt, 3);
        for (int l = 0; l < 2; l++)
        {
            IReadOnlyList<StreamReading> found = LensReader.Stream(lens[l], at, 3);
            Assert.That(found.Select(r => r.Rank), Is.EqualTo(expected[l].Select(r => r.Rank)));
            Assert.That(found.SelectMany(r => r.Top.Select(t => t.Token)),
                Is.EqualTo(expected[l].SelectMany(r => r.Top.Select(t => t.Token))));
            for (int t = 0; t < 8; t++)
            {
                Assert.That(found[t].Entropy, Is.EqualTo(expected[l][t].Entropy).Within(1e-5));
                Assert.That(found[t].Divergence, Is.EqualTo(expected[l][t].Divergence).Within(1e-5));
            }
        }
    }

    [Test]
    public void The_stream_by_a_trained_lens_has_the_measures_of_its_logits()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = Random(device);
        using LensSet lens = Trained(model, LensKind.Tuned);
        using LensActivations at = At(model, LensKind.Tuned);
        IReadOnlyList<StreamReading> found = LensReader.Stream(lens[Layer], at, 3);
        LayerReading words = LensReader.Layer(lens[Layer], at, [], new int[Prompt.Length], V);
        IReadOnlyList<IReadOnlyList<ModelToken>> own = LensReader.Model(model, at, V);
        for (int t = 0; t < Prompt.Length; t++)
        {
            double[] logits = [.. Logits(words.Whole[t])];
            double sum = Math.Log(logits.Sum(Math.Exp));
            double[] p = [.. logits.Select(l => Math.Exp(l - sum))];
            Assert.That(found[t].Top[0].Token, Is.EqualTo(Array.IndexOf(p, p.Max())));
            Assert.That(found[t].Top[0].Probability, Is.EqualTo(p.Max()).Within(1e-12));
            Assert.That(found[t].Entropy, Is.EqualTo(-p.Sum(x => x * Math.Log(x))).Within(1e-10));
            Assert.That(found[t].Rank, Is.EqualTo(1 + logits.Count(l => l > logits[own[t][0].Id])));
            Assert.That(found[t].Divergence, Is.EqualTo(own[t].Sum(
                m => m.Probability * (Math.Log(m.Probability) - Math.Log(p[m.Id])))).Within(1e-10));
        }
    }

    [Test]
    public void Favours_are_of_the_tokens_that_are_asked_for()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = Random(device);
        LensSource logit = LensSource.Find("logit", Config, "hash");
        int[] favoured = [0, 36];
        LensReadings found = LensReadings.OfPrompt(model, logit,
            new LensRequest([Layer], [1, 3], V) { Favoured = favoured, WithStream = true }, Prompt, [4, 7]);
        foreach (HeadReading head in found.Learned[0].Heads)
            for (int i = 0; i < 2; i++)
            {
                float[] logits = Logits(head.Words[i]);
                Assert.That(head.Words[i].CenteredLogit,
                    Is.EqualTo(logits[favoured[i]] - logits.Average()).Within(1e-5));
            }
        Assert.That(found.Stream, Is.Empty, "the logit lens of heads does not read the stream");
    }

    [TestCase(LensKind.Head), TestCase(LensKind.Thin), TestCase(LensKind.LowRank), TestCase(LensKind.Shared)]
    public void Heads_add_up_to_the_layer(LensKind kind)
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = Random(device);
        using LensSet lens = Trained(model, kind);
        using LensActivations at = At(model, kind);
        LayerReading found = LensReader.Layer(lens[Layer], at, [0, 1, 2, 3], new int[Prompt.Length], V);
        for (int p = 0; p < Prompt.Length; p++)
        {
            float[] whole = Logits(found.Whole[p]);
            for (int v = 0; v < V; v++)
                Assert.That(found.Heads.Sum(h => (double)Logits(h.Words[p])[v]),
                    Is.EqualTo(whole[v]).Within(2e-5), $"position {p}, token {v}");
        }
    }

    [TestCase(LensKind.Head), TestCase(LensKind.LowRank), TestCase(LensKind.Residual)]
    public void A_position_and_a_head_read_alone_as_among_others(LensKind kind)
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = Random(device);
        using LensSet lens = Trained(model, kind);
        using LensActivations all = At(model, kind), one = At(model, kind, 6);
        int[] favoured = [.. Enumerable.Range(3, Prompt.Length)];
        LayerReading among = LensReader.Layer(lens[Layer], all, [0, 1, 2, 3], favoured, 5);
        LayerReading alone = LensReader.Layer(lens[Layer], one, [2], [favoured[6]], 5);
        Assert.That(LensReader.PositionsAtOnce(Config), Is.LessThan(Prompt.Length), "chunks are not tried");
        LensWords a = among.Heads[2].Words[6], b = alone.Heads[0].Words[0];
        Assert.That(alone.Heads[0].Head, Is.EqualTo(2));
        Assert.That(b.Top.Select(t => t.Id), Is.EqualTo(a.Top.Select(t => t.Id)));
        Assert.That(b.CenteredLogit, Is.EqualTo(a.CenteredLogit).Within(1e-5));
    }

    [Test]
    public void A_tuned_lens_reads_the_stream_and_begins_as_the_logit_lens_of_it()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = Random(device);
        using LensSet lens = LensSet.Initial(model, new() { Kind = LensKind.Tuned }, [Layer],
            LensReader.PositionsAtOnce(Config));
        using LensActivations at = At(model, LensKind.Tuned);
        LayerReading found = LensReader.Layer(lens[Layer], at, [0, 1], new int[Prompt.Length], V);
        Assert.That(found.Heads, Is.Empty);
        float[] stream = Recorded(model, SiteKind.ResidPre), head = model.Set["wte.weight"].ToArray(),
            gain = model.Set["ln_f.weight"].ToArray(), shift = model.Set["ln_f.bias"].ToArray();
        double[] x = [.. stream.AsSpan(5 * C, C).ToArray().Select(f => (double)f)];
        double mean = x.Average(),
            s = Math.Sqrt(x.Average(f => (f - mean) * (f - mean)) + Config.LayerNormEpsilon);
        for (int v = 0; v < V; v++)
            Assert.That(Logits(found.Whole[5])[v], Is.EqualTo(Enumerable.Range(0, C).Sum(c =>
                ((x[c] - mean) / s * gain[c] + shift[c]) * head[v * C + c])).Within(1e-4));
    }

    [Test]
    public void The_models_own_words_are_its_softmax()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = Random(device);
        LensReadings found = Read(model, LensSource.Find("logit", Config, "hash"), [7]);
        using var session = new ModelSession(model,
            new SessionOptions { MaxTokens = Prompt.Length, Logits = LogitsAt.Last });
        session.Forward(new SequenceBatch([Prompt]));
        float[] logits = session.Logits.ToArray();
        double sum = logits.Sum(x => Math.Exp((double)x));
        foreach (ModelToken token in found.Model[0])
            Assert.That(token.Probability, Is.EqualTo(Math.Exp((double)logits[token.Id]) / sum).Within(1e-6));
        Assert.That(found.Model[0].Select(t => t.Probability), Is.Ordered.Descending);
    }

    [Test]
    public void Last_tokens_of_prompts_read_as_in_each_prompt_alone()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = Random(device);
        LensSource source = LensSource.Find("logit", Config, "hash");
        int[][] prompts = [Prompt[..3], Prompt, Prompt[..5]];
        LensReadings many = LensReadings.OfLastTokens(model, source, new([0, 1], [1, 3], 4), prompts);
        for (int i = 0; i < prompts.Length; i++)
        {
            LensReadings one = LensReadings.OfPrompt(
                model, source, new([0, 1], [1, 3], 4), prompts[i], [prompts[i].Length - 1]);
            Assert.That(many.Model[i].Select(t => t.Id), Is.EqualTo(one.Model[0].Select(t => t.Id)));
            Assert.That(many.Learned[1].Heads[1].Words[i].Top.Select(t => t.Id),
                Is.EqualTo(one.Learned[1].Heads[1].Words[0].Top.Select(t => t.Id)));
            Assert.That(many.Learned[1].Heads[1].Words[i].CenteredLogit,
                Is.EqualTo(one.Learned[1].Heads[1].Words[0].CenteredLogit).Within(1e-5));
        }
    }

    static LensReadings Read(LanguageModel model, LensSource source, int[] positions)
        => LensReadings.OfPrompt(model, source, new([Layer], [0, 1, 2, 3], V), Prompt, positions);

    static float[] Logits(LensWords words) => [.. words.Top.OrderBy(t => t.Id).Select(t => t.Logit)];

    static LensActivations At(LanguageModel model, LensKind kind, params int[] positions)
    {
        int[] chosen = positions.Length > 0 ? positions : [.. Enumerable.Range(0, Prompt.Length)];
        var at = new LensActivations(model, [Layer], [kind], 1, Prompt.Length, chosen.Length);
        at.Add(new SequenceBatch([Prompt]), chosen);
        return at;
    }

    static LensSet Trained(LanguageModel model, LensKind kind)
    {
        LensSet lens = LensSet.Initial(
            model, new() { Kind = kind, Rank = 3 }, [Layer], LensReader.PositionsAtOnce(Config));
        var random = new SeededRandom(17);
        foreach (LensParameter p in lens[Layer].Parameters)
        {
            float[] values = new float[p.Value.Length];
            random.FillNormal(values, 0.3f);
            p.Value.Upload(values);
        }
        return lens;
    }

    static float[] Recorded(LanguageModel model, SiteKind kind)
    {
        var site = new Site(kind, Layer);
        using var session = new ModelSession(model,
            new SessionOptions { MaxTokens = Prompt.Length, Record = [site] });
        session.Forward(new SequenceBatch([Prompt]));
        return session.Recordings[site].ToArray();
    }

    static LanguageModel Random(ComputeDevice device)
    {
        var model = new LanguageModel(device, Config);
        model.Initialize(11);
        // Gains of one, shifts of zero and small weights would hide where they are used.
        var random = new SeededRandom(5);
        foreach (string name in (string[])["ln_f.weight", "ln_f.bias", "h.0.attn.c_proj.bias",
            "h.1.attn.c_proj.bias", "h.1.attn.c_proj.weight"])
        {
            float[] values = new float[model.Set[name].Length];
            random.FillNormal(values, 0.7f);
            model.Set[name].Upload(values);
        }
        return model;
    }
}
