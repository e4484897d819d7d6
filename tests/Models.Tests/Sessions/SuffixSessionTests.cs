namespace HeadTap.Models.Tests;

public class SuffixSessionTests
{
    static readonly ModelConfig s_config = TestModel.Small with { Layers = 3 };

    /// <summary>The oracle: a whole pass with the stream into the block edited from there on.</summary>
    [Test, Combinatorial]
    public void A_suffix_has_the_bits_of_a_whole_pass([Values(0, 1, 2)] int layer,
        [Values("cpu128", "cpu512")] string device, [Values] bool neox)
    {
        using var test = new TestModel(device, neox ? TestModel.NeoX with { Layers = 3 } : s_config);
        int[] text = test.Tokens(1, 7);
        int C = s_config.Width, V = s_config.VocabSize, T = text.Length;
        using var whole = new ModelSession(test.Model, new SessionOptions
        {
            MaxTokens = T, Logits = LogitsAt.Last,
            Record = [Site.ResidPre(layer), .. Enumerable.Range(0, 3).SelectMany(
                l => (Site[])[Site.K(l), Site.V(l)])],
        });
        whole.Forward(new SequenceBatch([text]));
        float[] own = whole.Recordings[Site.ResidPre(layer)].ToArray();
        using var suffixes = new SuffixSession(test.Model, 9, 4, 20);
        suffixes.Begin(whole.Recordings);
        foreach (int[] starts in (int[][])[[0], [3, 6, 1], [6, 6], [2, 0, 5, 6]])
        {
            var streams = new List<float>();
            var expected = new List<float>();
            var random = new SeededRandom((ulong)starts.Length);
            foreach (int start in starts)
            {
                float[] row = (float[])own.Clone();
                for (int i = start * C; i < row.Length; i++)
                    row[i] += (float)random.NextNormal();
                streams.AddRange(row[(start * C)..]);
                using (test.Model.Attach(new Edit
                {
                    Site = Site.ResidPre(layer), Operation = EditOperation.Patch,
                    Value = EditValue.Recorded(row, 1, T, C),
                }))
                    whole.Forward(new SequenceBatch([text]));
                expected.AddRange(whole.Logits.ToArray());
            }
            Assert.That(suffixes.Logits(layer, starts, streams.ToArray()), Is.EqualTo(expected));
        }
    }

    [Test]
    public void Places_that_do_not_exist_are_refused()
    {
        using var test = new TestModel("cpu512", s_config);
        using var session = new ModelSession(test.Model, new SessionOptions
        {
            MaxTokens = 4,
            Record = [.. Enumerable.Range(0, 3).SelectMany(l => (Site[])[Site.K(l), Site.V(l)])],
        });
        session.Forward(new SequenceBatch([test.Tokens(1, 4)]));
        using var suffixes = new SuffixSession(test.Model, 4, 2, 6);
        Assert.That(() => suffixes.Logits(0, [0], new float[4 * s_config.Width]),
            Throws.InvalidOperationException);
        suffixes.Begin(session.Recordings);
        foreach ((int layer, int[] starts, int tokens) in ((int, int[], int)[])[(3, [0], 4), (-1, [0], 4),
            (0, [4], 0), (0, [-1], 5), (0, [], 0), (0, [3, 3, 3], 3), (0, [0, 0], 8), (0, [1], 4)])
            Assert.That(() => suffixes.Logits(layer, starts, new float[tokens * s_config.Width]),
                Throws.ArgumentException, $"{layer}, {starts.Length}, {tokens}");
        using (test.Model.Attach(new Edit { Site = Site.Z(0), Operation = EditOperation.Zero }))
            Assert.That(() => suffixes.Logits(0, [3], new float[s_config.Width]),
                Throws.InvalidOperationException);
    }
}
