using HeadTap.Models;
using HeadTap.Models.Tests;

namespace HeadTap.Circuits.Tests;

public sealed class HeadVisSamplingTests
{
    static readonly HeadVisOptions s_options = new()
    {
        Intervals = 3, Samples = 2, TopSamples = 2, KeysOfQuery = 3, LeastAttention = 0.05f, Bins = 10,
        Seed = 4,
    };

    static int[][] Windows(int count) => [.. Enumerable.Range(0, count).Select(i =>
        Kernels.Tests.Numbers.Integers(i + 1, 2 + i % 13, 23))];

    static IReadOnlyList<HeadVisHead> Run(TestModel test, int[][] windows, HeadPassOptions? pass = null)
        => HeadVisSampling.Run(test.Model, windows, windows.Length, pass ?? new(14), s_options);

    [Test]
    public void Attention_is_the_largest_of_each_query_by_place()
    {
        using TestModel test = HeadTexts.Model();
        int[][] windows = Windows(30);
        IReadOnlyList<HeadVisHead> heads = Run(test, windows);
        Assert.That(heads, Has.Count.EqualTo(15));
        int kept = 0;
        foreach (HeadVisHead head in heads)
            foreach (HeadVisSequence s in head.Sequences)
            {
                int T = windows[s.Window].Length;
                float[] all = HeadTexts.Record(
                    test.Model, windows[s.Window], new(SiteKind.Pattern, head.Layer));
                float[] A = all[(head.Head * T * T)..((head.Head + 1) * T * T)];
                Assert.That(s.Tokens, Is.EqualTo(windows[s.Window]));
                Assert.That(s.MaxAttention, Is.EqualTo(Enumerable.Range(0, T * T)
                    .Where(i => i / T > 0 && i % T > 0).Max(i => A[i])));
                int[] expected = [.. Enumerable.Range(0, T).SelectMany(q => Enumerable.Range(0, q + 1)
                    .OrderByDescending(k => A[q * T + k]).Take(3).Where(k => A[q * T + k] >= 0.05f)
                    .Order().Select(k => q * T + k))];
                Assert.That(s.Indices, Is.EqualTo(expected));
                Assert.That(s.Values, Is.EqualTo(expected.Select(i => A[i])));
                kept++;
            }
        Assert.That(kept, Is.GreaterThan(15 * 4));
    }

    [Test]
    public void Buckets_have_equal_numbers_of_windows_and_the_highest_keeps_the_largest()
    {
        using TestModel test = HeadTexts.Model();
        int[][] windows = Windows(30);
        foreach (HeadVisHead head in Run(test, windows))
        {
            (float Most, int Window)[] most = [.. windows.Select((w, i) =>
            {
                float[] A = HeadTexts.Record(test.Model, w, new(SiteKind.Pattern, head.Layer));
                return (Enumerable.Range(1, w.Length - 1).Max(q => Enumerable.Range(1, q)
                    .Max(k => A[(head.Head * w.Length + q) * w.Length + k])), i);
            })];
            float[] sorted = [.. most.Select(m => m.Most).Order()];
            int Bucket(float m) => 1 + (m >= sorted[10] ? 1 : 0) + (m >= sorted[20] ? 1 : 0);
            Assert.That(head.Sequences.All(s => s.Interval == Bucket(s.MaxAttention)));
            Assert.That(head.Sequences.Count(s => s.Interval < 3), Is.EqualTo(4));
            Assert.That(head.Sequences.Where(s => s.Interval == 3).Select(s => s.Window), Is.EqualTo(
                most.OrderByDescending(m => m.Most).Take(2).Select(m => m.Window)));
            Assert.That(head.Histogram, Is.EqualTo(Enumerable.Range(0, 10).Select(b =>
                (long)most.Count(m => Math.Min(9, (int)(m.Most * 10)) == b))));
            Assert.That(head.MeanMaxAttention, Is.EqualTo(most.Average(m => (double)m.Most)).Within(1e-12));
        }
    }

    [Test]
    public void The_same_samples_for_any_batch()
    {
        using TestModel test = HeadTexts.Model();
        int[][] windows = Windows(41);
        string Text(HeadPassOptions pass) => string.Join(';', Run(test, windows, pass)
            .SelectMany(h => h.Sequences)
            .Select(s => $"{s.Window} {s.Interval} {s.MaxAttention:R} {string.Join(' ', s.Values)}"));
        Assert.That(Text(new(14, 7, 2)), Is.EqualTo(Text(new(14, 1, 1))));
    }

    [Test]
    public void A_reservoir_takes_each_window_as_often()
    {
        int[] taken = new int[10];
        for (ulong seed = 0; seed < 2000; seed++)
        {
            var bucket = new HeadVisBucket(3, new SeededRandom(seed));
            for (int w = 0; w < 10; w++)
                bucket.Offer(0.5f, () => new(w, 1, [], 0.5f, [], []));
            foreach (HeadVisSequence s in bucket.Kept)
                taken[s.Window]++;
        }
        // Binomial, 2000 draws of 0.3: five deviations of sqrt(2000 * 0.3 * 0.7) = 20.5.
        Assert.That(taken, Has.All.InRange(600 - 103, 600 + 103));
    }

    [TestCase(7, 7), TestCase(60, 50), TestCase(3000, 300), TestCase(16384, 1638), TestCase(90000, 2000)]
    public void Borders_are_of_the_first_windows(int windows, int expected)
        => Assert.That(HeadVisOptions.BorderWindows(windows), Is.EqualTo(expected));
}
