using HeadTap.Runtime;

namespace HeadTap.Models.Tests;

/// <summary>Several models that predict as one.</summary>
public sealed class EnsembleTests : IDisposable
{
    ComputeDevice _device = null!;
    LanguageModel[] _models = [];

    [SetUp]
    public void Open()
    {
        _device = ComputeDevice.OpenHost();
        _models = [.. Enumerable.Range(1, 3).Select(seed =>
        {
            var model = new LanguageModel(_device, ModelConfig.Tiny);
            model.Initialize((ulong)seed, deviation: 0.4f);
            return model;
        })];
    }

    [TearDown]
    public void Dispose()
    {
        foreach (LanguageModel model in _models)
            model.Dispose();
        _device?.Dispose();
        (_models, _device) = ([], null!);
    }

    static double[] Softmax(float[] z)
    {
        double[] e = [.. z.Select(v => Math.Exp((double)v - z.Max()))];
        return [.. e.Select(v => v / e.Sum())];
    }

    static float[] Combine(EnsembleRule rule, params float[][] rows)
    {
        float[] to = new float[rows[0].Length];
        EnsembleLogits.Combine(rule, [.. rows.Select(r => (ReadOnlyMemory<float>)r)], to);
        return to;
    }

    static readonly float[] s_a = [1, 4, -2, 0.5f], s_b = [3, -100, 2.5f, 0], s_c = [0, 0.1f, 9, -1];

    [Test]
    public void Means_are_those_of_probabilities_or_of_logits()
    {
        double[] p = Softmax(s_a), q = Softmax(s_b);
        float[] mean = Combine(EnsembleRule.Probabilities, s_a, s_b);
        for (int v = 0; v < p.Length; v++)
            Assert.That(Math.Exp(mean[v]), Is.EqualTo((p[v] + q[v]) / 2).Within(1e-6));
        Assert.That(Combine(EnsembleRule.Logits, s_a, s_b), Is.EqualTo((float[])[2, -48, 0.25f, 0.25f]));
        // One model, or the same twice, keeps its probabilities.
        Assert.That(Softmax(Combine(EnsembleRule.Probabilities, s_a, s_a)), Is.EqualTo(p).Within(1e-7));
        Assert.That(Combine(EnsembleRule.Logits, s_a, s_a), Is.EqualTo(s_a));
    }

    [Test]
    public void A_vote_goes_to_the_most_votes_and_then_to_the_most_probability()
    {
        int Winner(params float[][] rows)
        {
            float[] row = Combine(EnsembleRule.Vote, rows);
            Assert.That(row.Count(float.IsNegativeInfinity), Is.EqualTo(3));
            return Array.IndexOf(row, 0f);
        }
        Assert.That(Winner(s_a, s_a, s_c), Is.EqualTo(1)); // two votes, though s_c is surer
        Assert.That(Winner(s_a, s_b, s_c), Is.EqualTo(2)); // a vote each: the surest of them
        Assert.That(Winner([1, 0, 0, 1]), Is.EqualTo(0)); // equal ones: the first
    }

    static readonly int[][] s_texts = [[5, 3, 60, 8, 2, 9, 11, 30, 1, 7], [1, 2], [7, 8, 9, 10, 11, 12]];

    // The textbook way: whole passes of each text, softmax, mean, logarithm.
    [TestCase(EnsembleRule.Probabilities), TestCase(EnsembleRule.Logits), TestCase(EnsembleRule.Vote)]
    public void Scores_are_those_of_combined_predictions(EnsembleRule rule)
    {
        int V = ModelConfig.Tiny.VocabSize, right = 0, count = 0;
        double sum = 0;
        foreach (int[] text in s_texts)
        {
            float[][][] rows = [.. _models.Select(model =>
            {
                using var session = new ModelSession(model,
                    new SessionOptions { MaxTokens = text.Length, Logits = LogitsAt.All });
                session.Forward(new SequenceBatch(text));
                return session.Logits.ToArray().Chunk(V).ToArray();
            })];
            for (int t = 0; t + 1 < text.Length; t++, count++)
            {
                float[][] z = [.. rows.Select(r => r[t])];
                double[][] p = [.. z.Select(Softmax)];
                double[] mean = rule == EnsembleRule.Logits
                    ? Softmax([.. Enumerable.Range(0, V).Select(v => z.Average(r => r[v]))])
                    : [.. Enumerable.Range(0, V).Select(v => p.Average(r => r[v]))];
                int best = rule != EnsembleRule.Vote ? Array.IndexOf(mean, mean.Max())
                    : p.Select(r => Array.IndexOf(r, r.Max())).GroupBy(v => v)
                        .OrderByDescending(g => g.Count()).ThenByDescending(g => mean[g.Key]).First().Key;
                sum -= Math.Log(mean[text[t + 1]]);
                right += best == text[t + 1] ? 1 : 0;
            }
        }
        TextScore found = TextEvaluation.Run(_models, rule, s_texts, 16, 16);
        Assert.That((found.Tokens, found.Accuracy), Is.EqualTo(((long)count, (double)right / count)));
        Assert.That(found.Loss, rule == EnsembleRule.Vote ? Is.NaN : Is.EqualTo(sum / count).Within(1e-5));
    }

    [TestCase(EnsembleRule.Probabilities), TestCase(EnsembleRule.Logits)]
    public void One_model_scores_as_alone(EnsembleRule rule)
    {
        TextScore alone = TextEvaluation.Run(_models[0], s_texts, 7, 3);
        TextScore found = TextEvaluation.Run([_models[0]], rule, s_texts, 7, 3);
        Assert.That(found.Loss, Is.EqualTo(alone.Loss).Within(1e-6));
        Assert.That(found.WindowPerplexity, Is.EqualTo(alone.WindowPerplexity).Within(1e-4));
        Assert.That(found with { Loss = 0, WindowPerplexity = 0 },
            Is.EqualTo(alone with { Loss = 0, WindowPerplexity = 0 }));
    }

    [TestCase(EnsembleRule.Probabilities), TestCase(EnsembleRule.Logits), TestCase(EnsembleRule.Vote)]
    public void Generation_takes_the_best_combined_token_each_time(EnsembleRule rule)
    {
        int V = ModelConfig.Tiny.VocabSize;
        List<int>[] expected = [[5, 3, 60], [1]];
        foreach (List<int> text in expected)
            for (int step = 0; step < 6; step++)
            {
                float[] combined = Combine(rule, [.. _models.Select(model =>
                {
                    using var session = new ModelSession(model,
                        new SessionOptions { MaxTokens = text.Count, Logits = LogitsAt.Last });
                    session.Forward(new SequenceBatch(text));
                    return session.Logits.ToArray();
                })]);
                text.Add(Array.IndexOf(combined, combined.Max()));
            }
        IReadOnlyList<int[]> found = new EnsembleGenerator(_models, rule).Generate(
            new SequenceBatch([5, 3, 60], [1]), new GenerationOptions
            {
                MaxNewTokens = 6, Sampling = new SamplingOptions(Greedy: true),
            });
        Assert.That(found, Is.EqualTo((int[][])[[.. expected[0].Skip(3)], [.. expected[1].Skip(1)]]));
    }

    [Test]
    public void One_model_draws_what_it_draws_alone()
    {
        var options = new GenerationOptions { MaxNewTokens = 9, Sampling = new SamplingOptions(), Seed = 4 };
        var prompts = new SequenceBatch([5, 3, 60], [1]);
        Assert.That(new EnsembleGenerator([_models[0]], EnsembleRule.Logits).Generate(prompts, options),
            Is.EqualTo(new Generator(_models[0]).Generate(prompts, options)));
    }

    [Test]
    public void Other_vocabularies_are_refused()
    {
        using var other = new LanguageModel(_device, ModelConfig.Tiny with { VocabSize = 60 });
        Assert.That(() => TextEvaluation.Run([_models[0], other], EnsembleRule.Vote, s_texts, 8, 8),
            Throws.TypeOf<UserException>().With.Message.Contains("vocabularies of 61 and 60 tokens"));
    }
}
