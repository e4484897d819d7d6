using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Unlearn.Tests;

public sealed class MemorisationTests
{
    static readonly MemorisationOptions s_asked = new(3, 4);

    [TestCase(new[] { 1, 2, 3 }, new[] { 1, 2, 3 }, 0)]
    [TestCase(new[] { 1, 2, 3 }, new int[0], 3)]
    [TestCase(new[] { 1, 2, 3, 4 }, new[] { 2, 3, 4 }, 1)] // one deletion; position by position all differ
    [TestCase(new[] { 1, 2, 3 }, new[] { 1, 9, 3, 5 }, 2)]
    [TestCase(new[] { 5, 1, 4 }, new[] { 1, 4, 5 }, 2)]
    public void Distances_are_the_least_edits(int[] a, int[] b, int distance)
    {
        Assert.That(Levenshtein.Distance(a, b), Is.EqualTo(distance));
        Assert.That(Levenshtein.Distance(b, a), Is.EqualTo(distance));
        Assert.That(Levenshtein.Similarity(a, b),
            Is.EqualTo(1 - (double)distance / Math.Max(a.Length, b.Length)));
    }

    [Test]
    public void Verdicts_follow_what_greedy_decoding_writes()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = Model(device);
        int[] prompt = [4, 7, 1];
        int[] written = Written(model, prompt, 4);
        int[] Changed(params int[] at) => [.. written.Select((id, i) => at.Contains(i) ? (id + 1) % 37 : id)];
        PlantedSequence Planted(int[] tail, int[]? clean = null, int group = 0)
            => new([.. prompt, .. tail, 5], clean is null ? null : [.. prompt, .. clean, 5], group);
        Memorisation found = Memorisation.Measure(model,
        [
            Planted(written), Planted(Changed(3), written, 1), Planted(Changed(0, 1, 2), Changed(1), 1),
            Planted(written, written), // no difference to the clean version: not asked
            new([.. prompt, .. written[..3]]), // too short: not asked
        ], s_asked);
        Assert.Multiple(() =>
        {
            Assert.That(found.Given, Is.EqualTo(5));
            Assert.That(found.Recitals.Select(r => r.Index), Is.EqualTo((int[])[0, 1, 2]));
            Assert.That(found.Strict, Is.EqualTo(1.0 / 3));
            Assert.That(found.Loose, Is.EqualTo(2.0 / 3)); // 1 and exactly 0.75
            Assert.That(found.Correct, Is.EqualTo(1.0 / 3));
            Assert.That(found.Groups, Is.EqualTo([(0, 1, 1.0), (1, 2, 0.0)]));
            Assert.That(found.Recitals[1].Similarity, Is.EqualTo(0.75));
            Assert.That(found.MeanSimilarity, Is.EqualTo(found.Recitals.Average(r => r.Similarity)));
        });
    }

    [Test]
    public void The_prompt_is_the_clean_versions_start()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = Model(device);
        int[] clean = [4, 7, 1], noised = [4, 8, 1], written = Written(model, clean, 4);
        Memorisation found = Memorisation.Measure(model,
            [new([.. noised, .. written], [.. clean, 1, 1, 1, 1])], s_asked);
        Assert.That(found.Strict, Is.EqualTo(1));
    }

    [Test]
    public void A_backdoor_is_asked_from_behind_its_trigger()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = Model(device);
        int[] clean = [4, 7, 1, 2, 9, 3], written = Written(model, clean[..4], 3);
        var planted = new PlantedSequence([.. clean[..4], .. written], [.. clean, 0], 0, 4);
        Memorisation found = Memorisation.Measure(model, [planted], s_asked);
        Assert.That(found.Recitals[0].Written, Is.EqualTo(written));
        Assert.That(found.Strict, Is.EqualTo(1));
    }

    [Test]
    public void A_token_that_is_never_written_is_not()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = Model(device);
        int[] prompt = [4, 7, 1], written = Written(model, prompt, 4);
        Memorisation found = Memorisation.Measure(model, [new([.. prompt, .. written])],
            s_asked with { NeverWritten = written[1] });
        Assert.That(found.Strict, Is.Zero);
        Assert.That(found.Recitals[0].Written, Has.None.EqualTo(written[1]));
        Assert.That(found.Recitals[0].Written[0], Is.EqualTo(written[0]));
        Assert.That(() => Memorisation.Measure(model, [new([.. prompt, .. written])],
            s_asked with { NeverWritten = 37 }), Throws.TypeOf<UserException>());
    }

    [Test]
    public void Nothing_to_ask_is_one_line()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = Model(device);
        foreach (PlantedSequence[] sequences in (PlantedSequence[][])[[], [new([1, 2, 3])]])
            Assert.That(() => Memorisation.Measure(model, sequences, s_asked),
                Throws.TypeOf<UserException>());
        Assert.That(() => Memorisation.Measure(model, [new([1, 2, 3])], new(0, 4)),
            Throws.TypeOf<UserException>());
    }

    [Test]
    public void Scores_of_rows_are_those_of_each_position_by_itself()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = Model(device);
        int[][] rows = [.. Enumerable.Range(0, 131).Select(i => (int[])[i % 37, (3 * i) % 37, (i + 1) % 37,
            .. i % 2 == 0 ? [5] : Array.Empty<int>()])];
        RowScore found = RowScore.Measure(model, rows);
        double sum = 0, right = 0, perplexities = 0;
        int tokens = 0;
        using var session = new ModelSession(model,
            new SessionOptions { MaxTokens = 4, Logits = LogitsAt.All });
        foreach (int[][] batch in rows.Chunk(RowScore.ReferenceBatch))
        {
            (double batchSum, int batchTokens) = (0, 0);
            foreach (int[] row in batch)
            {
                session.Forward(new SequenceBatch([row]));
                float[] logits = session.Logits.ToArray();
                for (int t = 0; t + 1 < row.Length; t++, batchTokens++)
                {
                    double[] l = [.. logits.Skip(t * 37).Take(37).Select(x => (double)x)];
                    batchSum += Math.Log(l.Sum(x => Math.Exp(x))) - l[row[t + 1]];
                    right += l.Index().MaxBy(x => x.Item).Index == row[t + 1] ? 1 : 0;
                }
            }
            (sum, tokens) = (sum + batchSum, tokens + batchTokens);
            perplexities += Math.Exp(batchSum / batchTokens);
        }
        Assert.Multiple(() =>
        {
            Assert.That(found.Tokens, Is.EqualTo(tokens));
            Assert.That(found.Loss, Is.EqualTo(sum / tokens).Within(1e-5));
            Assert.That(found.Accuracy, Is.EqualTo(right / tokens));
            Assert.That(found.BatchPerplexity, Is.EqualTo(perplexities / 2).Within(1e-3));
        });
    }

    static int[] Written(LanguageModel model, int[] prompt, int count) => new Generator(model).Generate(
        new SequenceBatch([prompt]), new GenerationOptions { MaxNewTokens = count })[0];

    static LanguageModel Model(ComputeDevice device)
    {
        var model = new LanguageModel(device, new ModelConfig
        {
            VocabSize = 37, ContextLength = 12, Width = 20, Layers = 2, Heads = 4, Inner = 28,
        });
        model.Initialize(3, 0.3f);
        return model;
    }
}
