namespace HeadTap.Models.Tests;

/// <summary>Sampling against exact probabilities of small cases.</summary>
sealed class SamplerTests
{
    // exp of these is 1, 2, 4, 8, 1 up to rounding of the float logits; the sum is 16.
    static readonly float[] Doubling = [0f, MathF.Log(2), MathF.Log(4), MathF.Log(8), 0f];

    [Test]
    public void Probabilities_are_the_softmax()
    {
        AssertDistribution(new SamplingOptions(), Doubling,
            (0, 1 / 16.0), (1, 2 / 16.0), (2, 4 / 16.0), (3, 8 / 16.0), (4, 1 / 16.0));
        // Half the temperature squares the weights: 1 + 4 + 16 + 64 + 1 = 86.
        AssertDistribution(new SamplingOptions(Temperature: 0.5f), Doubling,
            (0, 1 / 86.0), (1, 4 / 86.0), (2, 16 / 86.0), (3, 64 / 86.0), (4, 1 / 86.0));
    }

    [Test]
    public void Top_k_keeps_the_k_most_likely_and_ties_go_to_the_lower_id()
    {
        AssertDistribution(new SamplingOptions(TopK: 2), Doubling, (3, 8 / 12.0), (2, 4 / 12.0));
        AssertDistribution(new SamplingOptions(TopK: 4), Doubling,
            (3, 8 / 15.0), (2, 4 / 15.0), (1, 2 / 15.0), (0, 1 / 15.0));
        AssertDistribution(new SamplingOptions(TopK: 2), [5, 7, 7, 7], (1, 0.5), (2, 0.5));
        AssertDistribution(new SamplingOptions(TopK: 99), [1, 1], (0, 0.5), (1, 0.5));
        // The equals come first and one of them has to leave.
        AssertDistribution(new SamplingOptions(TopK: 2), [7, 7, 20], (2, 1 - 1 / (1 + Math.Exp(13))),
            (0, 1 / (1 + Math.Exp(13))));
        Assert.That(new Sampler(new SamplingOptions(TopK: 3)).Distribution([7, 7, 7, 7, 8, 9])
            .Select(c => c.Id), Is.EqualTo([5, 4, 0]));
    }

    [Test]
    public void Top_p_keeps_the_smallest_sufficient_set()
    {
        float[] even = [3, 3, 3, 3]; // 1/4 each, exactly
        AssertDistribution(new SamplingOptions(TopP: 0.5f), even, (0, 0.5), (1, 0.5));
        AssertDistribution(new SamplingOptions(TopP: 0.51f), even, (0, 1 / 3.0), (1, 1 / 3.0), (2, 1 / 3.0));
        AssertDistribution(new SamplingOptions(TopP: 1e-6f), even, (0, 1));
        AssertDistribution(new SamplingOptions(TopP: 0.6f), Doubling, (3, 8 / 12.0), (2, 4 / 12.0));
        AssertDistribution(new SamplingOptions(TopP: 0.9f), Doubling,
            (3, 8 / 15.0), (2, 4 / 15.0), (1, 2 / 15.0), (0, 1 / 15.0));
    }

    [Test]
    public void Top_p_counts_what_top_k_left()
    {
        // Of the three left, weights 8, 4, 2 of 14: 8/14 = 0.571 is too little for 0.6, 12/14 is enough.
        AssertDistribution(new SamplingOptions(TopK: 3, TopP: 0.6f), Doubling, (3, 8 / 12.0), (2, 4 / 12.0));
        AssertDistribution(new SamplingOptions(TopK: 3, TopP: 0.57f), Doubling, (3, 1));
    }

    [Test]
    public void Top_p_of_a_random_row_is_that_of_sorting_everything()
    {
        var random = new SeededRandom(3);
        for (int round = 0; round < 50; round++)
        {
            float[] logits = new float[1 + random.Next(300)];
            random.FillNormal(logits, 3);
            float p = (float)(0.01 + 0.98 * random.NextDouble());
            double[] weights = [.. logits.Select(x => Math.Exp((double)x - logits.Max()))];
            int[] order = [.. Enumerable.Range(0, logits.Length).OrderByDescending(v => weights[v])];
            double sum = 0;
            int[] expected = [.. order.TakeWhile(v => (sum += weights[v]) - weights[v] < p * weights.Sum())];
            Assert.That(new Sampler(new SamplingOptions(TopP: p)).Distribution(logits).Select(c => c.Id),
                Is.EqualTo(expected));
        }
    }

    [Test]
    public void Greedy_is_the_lowest_id_of_the_highest_logit()
    {
        float[] logits = [-3, 2, 7, 7, 1];
        var random = new SeededRandom(1);
        ulong[] before = random.State;
        foreach (SamplingOptions options in (SamplingOptions[])[
            new(Greedy: true), new(Temperature: 0), new(Temperature: 2, TopK: 3, TopP: 0.5f, Greedy: true)])
            Assert.That(new Sampler(options).Next(logits, random), Is.EqualTo(2));
        Assert.That(random.State, Is.EqualTo(before));
    }

    [Test]
    public void Top_k_of_one_is_greedy()
    {
        var random = new SeededRandom(2);
        var one = new Sampler(new SamplingOptions(TopK: 1));
        var greedy = new Sampler(new SamplingOptions(Greedy: true));
        for (int round = 0; round < 200; round++)
        {
            float[] logits = [.. Enumerable.Range(0, 17).Select(_ => (float)random.Next(5))]; // many ties
            Assert.That(one.Next(logits, random), Is.EqualTo(greedy.Next(logits, random)));
        }
    }

    [Test]
    public void Frequencies_lie_within_six_binomial_deviations()
    {
        const int Draws = 20_000;
        foreach (SamplingOptions options in (SamplingOptions[])[
            new(), new(Temperature: 0.7f), new(TopK: 3), new(TopP: 0.9f),
            new(Temperature: 3, TopK: 4, TopP: 0.95f)])
        {
            var sampler = new Sampler(options);
            var random = new SeededRandom(11);
            int[] seen = new int[Doubling.Length];
            for (int i = 0; i < Draws; i++)
                seen[sampler.Next(Doubling, random)]++;
            var exact = sampler.Distribution(Doubling).ToDictionary(c => c.Id, c => c.Probability);
            for (int id = 0; id < seen.Length; id++)
            {
                double p = exact.GetValueOrDefault(id);
                double bound = 6 * Math.Sqrt(Draws * p * (1 - p));
                double excess = Math.Abs(seen[id] - Draws * p);
                Assert.That(excess <= bound, $"{options}: token {id} came {seen[id]} times");
            }
        }
    }

    [Test]
    public void The_same_seed_draws_the_same_tokens()
    {
        float[] logits = new float[500];
        new SeededRandom(4).FillNormal(logits, 2);
        Assert.That(Draw(7), Is.EqualTo(Draw(7)));
        Assert.That(Draw(7), Is.Not.EqualTo(Draw(8)));

        int[] Draw(ulong seed)
        {
            var random = new SeededRandom(seed);
            var sampler = new Sampler(new SamplingOptions(Temperature: 0.9f, TopK: 50, TopP: 0.95f));
            return [.. Enumerable.Range(0, 100).Select(_ => sampler.Next(logits, random))];
        }
    }

    [Test]
    public void Extreme_logits_do_not_overflow()
    {
        AssertDistribution(new SamplingOptions(), [-1e30f, 1e30f, 1e30f], (1, 0.5), (2, 0.5));
        AssertDistribution(new SamplingOptions(Temperature: 1e-38f), [-3e38f, 3e38f], (1, 1));
        AssertDistribution(new SamplingOptions(), [float.NegativeInfinity, -500, -500], (1, 0.5), (2, 0.5));
        var sampler = new Sampler(new SamplingOptions());
        for (ulong seed = 0; seed < 200; seed++)
        {
            float[] logits = [float.NegativeInfinity, 0, float.NegativeInfinity];
            Assert.That(sampler.Next(logits, new SeededRandom(seed)), Is.EqualTo(1));
        }
    }

    [TestCase(float.NaN)]
    [TestCase(float.PositiveInfinity)]
    public void A_broken_logit_fails_by_name(float broken)
    {
        foreach (SamplingOptions options in (SamplingOptions[])[
            new(), new(Greedy: true), new(TopK: 1), new(TopP: 0.1f)])
            Assert.That(() => new Sampler(options).Next([9, 1, broken, 2], new SeededRandom(0)),
                Throws.InvalidOperationException.With.Message.Contains("token 2"));
    }

    [Test]
    public void Nothing_to_draw_fails()
    {
        var sampler = new Sampler(new SamplingOptions());
        Assert.That(() => sampler.Next([float.NegativeInfinity, float.NegativeInfinity], new SeededRandom(0)),
            Throws.InvalidOperationException);
        Assert.That(() => sampler.Next([], new SeededRandom(0)), Throws.ArgumentException);
    }

    [TestCase(-1f, 0, 1f, "Temperature")]
    [TestCase(float.NaN, 0, 1f, "Temperature")]
    [TestCase(float.PositiveInfinity, 0, 1f, "Temperature")]
    [TestCase(1f, -1, 1f, "TopK")]
    [TestCase(1f, 0, 0f, "TopP")]
    [TestCase(1f, 0, 1.5f, "TopP")]
    [TestCase(1f, 0, float.NaN, "TopP")]
    public void Options_out_of_range_are_refused(float temperature, int topK, float topP, string name) =>
        BadInput.Refused(() => _ = new Sampler(new(temperature, topK, topP)), name, "expected");

    // 1e-6: the logits ln 2, ln 4, ln 8 are rounded to float, which moves a weight by at most 1.2e-7 of
    // itself.
    static void AssertDistribution(
        SamplingOptions options, float[] logits, params (int Id, double P)[] expected)
    {
        IReadOnlyList<(int Id, double Probability)> found = new Sampler(options).Distribution(logits);
        Assert.That(found.Select(c => c.Id), Is.EqualTo(expected.Select(c => c.Id)));
        for (int i = 0; i < expected.Length; i++)
            Assert.That(Math.Abs(found[i].Probability - expected[i].P) <= 1e-6, $"token {expected[i].Id}");
    }
}
