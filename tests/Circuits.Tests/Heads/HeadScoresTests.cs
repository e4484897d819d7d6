using HeadTap.Models;
using HeadTap.Models.Tests;
using HeadTap.Runtime;

namespace HeadTap.Circuits.Tests;

public sealed class HeadScoresTests
{
    static readonly HeadSurveyOptions s_options = new() { Pass = new(14), Examples = 2 };

    // The definitions, one by one, from matrices: A[w][q, k] of one head in each window.
    static Dictionary<string, double> Plain(IReadOnlyList<double[,]> attention, int[][] windows)
    {
        double Mean(Func<double[,], int[], int, double> of, Func<int[], int, bool> counts)
        {
            double sum = 0;
            int n = 0;
            for (int w = 0; w < windows.Length; w++)
                for (int q = 0; q < windows[w].Length; q++)
                    if (counts(windows[w], q))
                        (sum, n) = (sum + of(attention[w], windows[w], q), n + 1);
            return sum / n;
        }
        double Row(Func<double, int, double> of, double[,] A, int q)
            => Enumerable.Range(0, q + 1).Sum(k => of(A[q, k], q - k));
        double Pairs(double[,] A, int[] tokens, int q, int shift, double least) => Enumerable.Range(0, q)
            .Where(j => tokens[j] == tokens[q]).Sum(j => A[q, j + shift] < least ? 0 : A[q, j + shift]);
        bool Repeats(int[] tokens, int q) => tokens.Take(q).Contains(tokens[q]);
        double mean = Mean((A, _, q) => Row((p, d) => p * d, A, q), (_, _) => true);
        return new()
        {
            ["self"] = Mean((A, _, q) => A[q, q], (_, _) => true),
            ["previous"] = Mean((A, _, q) => A[q, q - 1], (_, q) => q > 0),
            ["entropy"] = Mean(
                (A, _, q) => Row((p, _) => p > 0 ? -p * Math.Log(p) : 0, A, q), (_, _) => true),
            ["distance"] = mean,
            ["variance"] = Mean((A, _, q) => Row((p, d) => p * d * d, A, q), (_, _) => true)
                - mean * mean,
            ["induction"] = Mean((A, t, q) => Pairs(A, t, q, 1, 0.01f), Repeats),
            ["prefix"] = Mean((A, t, q) => Pairs(A, t, q, 1, 0), Repeats),
            ["duplicate"] = Mean((A, t, q) => Pairs(A, t, q, 0, 0), Repeats),
            ["begin"] = Mean((A, _, q) => A[q, 0], (_, q) => q > 0),
            ["previous share"] = Mean((A, _, q) => q > 0 ? A[q, q - 1] : 0, (_, _) => true),
            ["duplicate share"] = Mean((A, t, q) => Pairs(A, t, q, 0, 0), (_, _) => true),
            ["induction share"] = Mean((A, t, q) => Pairs(A, t, q, 1, 0), (_, _) => true),
        };
    }

    static Dictionary<string, double> Named(HeadScores s) => new()
    {
        ["self"] = s.SelfAttentionScore, ["previous"] = s.PrevTokenScore, ["entropy"] = s.PatternEntropy,
        ["distance"] = s.QkDistance, ["variance"] = s.QkDistanceVariance, ["induction"] = s.InductionScore,
        ["prefix"] = s.PrefixMatchingScore, ["duplicate"] = s.DuplicateTokenScore,
        ["begin"] = s.BeginOfTextScore, ["previous share"] = s.PreviousTokenShare,
        ["duplicate share"] = s.DuplicateTokenShare, ["induction share"] = s.InductionShare,
    };

    static double[,] Square(float[] pattern, int head, int T)
    {
        double[,] A = new double[T, T];
        for (int q = 0; q < T; q++)
            for (int k = 0; k < T; k++)
                A[q, k] = pattern[(head * T + q) * T + k];
        return A;
    }

    [Test]
    public void Scores_are_those_of_the_definitions()
    {
        using TestModel test = HeadTexts.Model();
        int[][] windows = HeadTexts.Windows;
        HeadSurvey survey = HeadSurvey.Run(test.Model, windows, s_options);
        Assert.That(survey.Scores, Has.Count.EqualTo(15));
        Assert.That((survey.Windows, survey.Tokens, survey.RepeatedTokens), Is.EqualTo((5, 34L, 15L)));
        for (int l = 0; l < 3; l++)
        {
            float[][] patterns = [.. windows.Select(
                w => HeadTexts.Record(test.Model, w, new Site(SiteKind.Pattern, l)))];
            for (int h = 0; h < 5; h++)
            {
                HeadScores found = survey.Scores[l * 5 + h];
                Assert.That((found.Layer, found.Head), Is.EqualTo((l, h)));
                Dictionary<string, double> plain = Plain(
                    [.. patterns.Select((p, w) => Square(p, h, windows[w].Length))], windows);
                // Both sum some hundred products in float64; the variance cancels digits of up to 13².
                foreach ((string name, double value) in Named(found))
                    Assert.That(value, Is.EqualTo(plain[name]).Within(1e-11), $"{l}.{h} {name}");
            }
        }
    }

    [Test]
    public void An_induction_head_of_the_textbook_scores_one()
    {
        // Attends to the token behind the last occurrence, else to the first token.
        int[] tokens = [9, 1, 2, 3, 1, 2, 3, 1];
        int T = tokens.Length;
        float[] pattern = new float[T * T];
        for (int q = 0; q < T; q++)
            pattern[q * T + (q < 4 ? 0 : q - 2)] = 1;
        var repeats = new TokenRepeats(tokens);
        var sums = new HeadScoreSums();
        sums.Add(repeats, new HeadView(pattern, 0, T, new float[T], 0, 1, 1, T));
        HeadScores s = sums.Scores(2, 1, new HeadQueries(T, T - 1, repeats.RepeatedQueries));
        Assert.That(repeats.RepeatedQueries, Is.EqualTo(4));
        Assert.That((s.InductionScore, s.PrefixMatchingScore), Is.EqualTo((1.0, 1.0)));
        Assert.That((s.InductionShare, s.PatternEntropy), Is.EqualTo((0.5, 0.0)));
        Assert.That(s.BeginOfTextScore, Is.EqualTo(3.0 / 7));
        Assert.That((s.PrevTokenScore, s.SelfAttentionScore), Is.EqualTo((1.0 / 7, 1.0 / 8)));
        Assert.That(s.QkDistance, Is.EqualTo((0 + 1 + 2 + 3 + 4 * 2) / 8.0));
    }

    [Test]
    public void Attention_below_a_hundredth_counts_in_prefix_matching_alone()
    {
        // The last token occurs twice before; behind these places lie 0.0099 and 0.0101.
        int[] tokens = [5, 1, 5, 2, 5];
        float[] pattern = new float[25];
        (pattern[20 + 1], pattern[20 + 3]) = (0.0099f, 0.0101f);
        (pattern[20 + 0], pattern[20 + 2]) = (0.9f, 0.08f);
        (pattern[0], pattern[5], pattern[10], pattern[15]) = (1, 1, 1, 1); // nothing behind the first 5
        var repeats = new TokenRepeats(tokens);
        var sums = new HeadScoreSums();
        sums.Add(repeats, new HeadView(pattern, 0, 5, new float[5], 0, 1, 1, 5));
        HeadScores s = sums.Scores(0, 0, new HeadQueries(5, 4, repeats.RepeatedQueries));
        Assert.That(s.InductionScore, Is.EqualTo((double)0.0101f / 2));
        Assert.That(s.PrefixMatchingScore, Is.EqualTo(((double)0.0099f + 0.0101f) / 2));
        Assert.That(s.DuplicateTokenScore, Is.EqualTo((1 + (double)0.9f + 0.08f) / 2));
    }

    [Test]
    public void The_same_bits_for_any_batch_group_of_layers_and_threads()
    {
        using TestModel test = HeadTexts.Model();
        int threads = ComputeDevice.HostThreadCount;
        try
        {
            ComputeDevice.HostThreadCount = 1;
            HeadSurvey one = HeadSurvey.Run(test.Model, HeadTexts.Windows,
                s_options with { Pass = new(14, Rows: 1, LayersInPass: 3) });
            foreach ((int rows, int layers, int many) in new[] { (2, 1, 2), (5, 2, 3), (3, 3, 2), (0, 0, 2) })
            {
                ComputeDevice.HostThreadCount = many;
                HeadSurvey other = HeadSurvey.Run(test.Model, HeadTexts.Windows,
                    s_options with { Pass = new(14, rows, layers) });
                Assert.That(other.Scores, Is.EqualTo(one.Scores), $"{rows} rows, {layers} layers");
                Assert.That(other.MeanZ, Is.EqualTo(one.MeanZ));
                Assert.That(other.Examples.SelectMany(e => e).Select(e => (e.Window, e.Position, e.Norm)),
                    Is.EqualTo(one.Examples.SelectMany(e => e).Select(e => (e.Window, e.Position, e.Norm))));
            }
        }
        finally
        {
            ComputeDevice.HostThreadCount = threads;
        }
    }

    [Test]
    public void Examples_and_norms_are_those_of_recorded_results()
    {
        using TestModel test = HeadTexts.Model();
        int[][] windows = HeadTexts.Windows;
        HeadSurvey survey = HeadSurvey.Run(test.Model, windows, s_options);
        for (int l = 0; l < 3; l++)
        {
            float[][] results = [.. windows.Select(w => HeadTexts.Record(test.Model, w, Site.Result(l)))];
            for (int h = 0; h < 5; h++)
            {
                double Norm(int w, int t) => Math.Sqrt(results[w].Skip((t * 5 + h) * 35).Take(35)
                    .Sum(v => (double)v * v));
                double[][] norms = [.. windows.Select(
                    (w, i) => Enumerable.Range(1, w.Length - 1).Select(t => Norm(i, t)).ToArray())];
                // Results are float32 sums of 7 products: half an ulp for each, of the largest of them.
                double bound = 8 * norms.SelectMany(n => n).Max() * Math.Pow(2, -24) * Math.Sqrt(35);
                Assert.That(survey.Scores[l * 5 + h].ResultNorm,
                    Is.EqualTo(norms.SelectMany(n => n).Average()).Within(bound));
                int[] best = [.. Enumerable.Range(0, 5).OrderByDescending(w => norms[w].Max()).Take(2)];
                Assert.That(survey.Examples[l * 5 + h].Select(e => e.Window), Is.EqualTo(best), $"{l}.{h}");
                foreach (HeadExample e in survey.Examples[l * 5 + h])
                {
                    Assert.That(e.Norm, Is.EqualTo(norms[e.Window].Max()).Within(bound));
                    Assert.That(e.Position - 1,
                        Is.EqualTo(Array.IndexOf(norms[e.Window], norms[e.Window].Max())));
                    Assert.That(e.Tokens, Is.EqualTo(windows[e.Window]));
                }
            }
        }
    }

    [Test]
    public void The_mean_z_is_over_all_tokens()
    {
        using TestModel test = HeadTexts.Model();
        HeadSurvey survey = HeadSurvey.Run(test.Model, HeadTexts.Windows, s_options);
        for (int l = 0; l < 3; l++)
        {
            float[] all = [.. HeadTexts.Windows.SelectMany(w => HeadTexts.Record(test.Model, w, Site.Z(l)))];
            for (int c = 0; c < 35; c++)
                Assert.That(survey.MeanZ[l][c],
                    Is.EqualTo(Enumerable.Range(0, 34).Average(t => (double)all[t * 35 + c])).Within(1e-6));
        }
    }

    [Test]
    public void Without_a_token_that_comes_again_there_is_no_induction_score()
    {
        using TestModel test = HeadTexts.Model();
        HeadScores scores = HeadSurvey.Run(test.Model, [[1, 2, 3]], s_options).Scores[0];
        Assert.That(scores.InductionScore, Is.NaN);
        Assert.That(scores.DuplicateTokenScore, Is.NaN);
        Assert.That(scores.PrevTokenScore, Is.Not.NaN);
    }

    [Test]
    public void Short_windows_are_refused()
    {
        using TestModel test = HeadTexts.Model();
        Assert.That(() => HeadSurvey.Run(test.Model, [[1, 2], [3]], s_options),
            Throws.TypeOf<UserException>().With.Message.Contains("window 1 of the text has 1 token;"));
        Assert.That(() => HeadSurvey.Run(test.Model, [], s_options),
            Throws.TypeOf<UserException>().With.Message.Contains("no window of two tokens"));
    }
}
