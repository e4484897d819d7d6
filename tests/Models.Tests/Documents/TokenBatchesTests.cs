namespace HeadTap.Models.Tests;

/// <summary>
/// Which tokens a batch holds, in which order, and that a resumed run goes on where it stopped.
/// </summary>
sealed class TokenBatchesTests
{
    const int End = 99;

    static readonly TokenDataset ThreeDocuments = Data([1, 2, 3], [], [4], [5, 6, 7, 8, 9]);

    [Test]
    public void Documents_lie_between_end_of_text_tokens()
    {
        Assert.That(ThreeDocuments.Tokens.ToArray(),
            Is.EqualTo(new[] { End, 1, 2, 3, End, End, 4, End, 5, 6, 7, 8, 9, End }));
        Assert.That(ThreeDocuments.DocumentCount, Is.EqualTo(4));
        Assert.That(ThreeDocuments.Document(0).ToArray(), Is.EqualTo(new[] { 1, 2, 3 }));
        Assert.That(ThreeDocuments.Document(1).ToArray(), Is.Empty);
        Assert.That(ThreeDocuments.Document(3).ToArray(), Is.EqualTo(new[] { 5, 6, 7, 8, 9 }));
    }

    [Test]
    public void The_hash_tells_tokens_and_borders()
    {
        string hash = ThreeDocuments.Hash;
        Assert.That(hash, Has.Length.EqualTo(64));
        Assert.That(Data([1, 2, 3], [], [4], [5, 6, 7, 8, 9]).Hash, Is.EqualTo(hash));
        Assert.That(Data([1, 2, 3], [], [4], [5, 6, 7, 8, 0]).Hash, Is.Not.EqualTo(hash));
        Assert.That(Data([1, 2, 3], [], [4, End, 5, 6, 7, 8, 9]).Hash, Is.Not.EqualTo(hash));
        // SHA-256 of the int32s 2, 1, 3, 99, 7, 99, little-endian, from another program.
        Assert.That(Data([7]).Hash,
            Is.EqualTo("acb8a99c0f4c672b5543eff0b0152cd8abeeb94eadb1f0b3c6cff0939a1f37fe"));
    }

    [Test]
    public void Document_rows_are_padded_and_end_in_end_of_text()
    {
        TokenBatch batch = TokenBatches.InOrder(
            ThreeDocuments, new TokenBatchOptions(9, 3, TokenRows.PerDocument)).Single();
        Assert.That((batch.B, batch.T), Is.EqualTo((4, 3)));
        Assert.That(batch.Tokens, Is.EqualTo(new[] { 1, 2, 3, 4, End, End, 5, 6, 7, 8, 9, End }));
        Assert.That(batch.Targets, Is.EqualTo(new[] { 2, 3, End, End, -1, -1, 6, 7, 8, 9, End, -1 }));
        Assert.That(batch.Lengths, Is.EqualTo(new[] { 3, 1, 3, 2 }));
    }

    [Test]
    public void Bos_puts_end_of_text_first()
    {
        TokenBatch[] batches = [.. TokenBatches.InOrder(
            ThreeDocuments, new TokenBatchOptions(4, 4, TokenRows.PerDocument, Bos: true))];
        Assert.That(batches, Has.Length.EqualTo(2));
        Assert.That(batches[0].Tokens,
            Is.EqualTo(new[] { End, 1, 2, 3, End, End, End, End, End, 4, End, End, End, 5, 6, 7 }));
        Assert.That(batches[0].Targets,
            Is.EqualTo(new[] { 1, 2, 3, End, End, -1, -1, -1, 4, End, -1, -1, 5, 6, 7, 8 }));
        Assert.That(batches[0].Lengths, Is.EqualTo(new[] { 4, 1, 2, 4 }));
        Assert.That(batches[1].Tokens, Is.EqualTo(new[] { 8, 9, End, End }));
        Assert.That(batches[1].Targets, Is.EqualTo(new[] { 9, End, -1, -1 }));
    }

    [Test]
    public void Packed_rows_in_order_count_every_target_once()
    {
        TokenBatch[] batches = [.. TokenBatches.InOrder(ThreeDocuments, new TokenBatchOptions(2, 5))];
        Assert.That(batches.Select(batch => batch.B), Is.EqualTo(new[] { 2, 1 }));
        Assert.That(batches.SelectMany(batch => batch.Targets).Where(t => t >= 0),
            Is.EqualTo(ThreeDocuments.Tokens[1..].ToArray()));
        Assert.That(batches[1].Lengths, Is.EqualTo(new[] { 3 }));
    }

    [Test]
    public void Every_epoch_has_every_row_once_in_its_own_order()
    {
        // 200 tokens 0, 1, 2, …: a row's first token says which row it is. Rows 28 of 7; slack 4.
        TokenDataset data = TokenDataset.FromTokens([[.. Enumerable.Range(0, 199)]], End);
        var batches = new TokenBatches(data, new TokenBatchOptions(4, 7), seed: 1);
        Assert.That(batches.RowsPerEpoch, Is.EqualTo(28));
        var orders = new List<int[]>();
        for (int epoch = 0; epoch < 5; epoch++)
        {
            var firsts = new List<int>();
            for (int i = 0; i < 7; i++)
            {
                TokenBatch batch = batches.Next();
                for (int b = 0; b < 4; b++)
                {
                    int[] row = batch.Tokens[(b * 7)..(b * 7 + 7)];
                    firsts.Add(row[1] - 1);
                    Assert.That(row[1..], Is.EqualTo(Enumerable.Range(row[1], 6)));
                    Assert.That(batch.Targets[(b * 7)..(b * 7 + 6)], Is.EqualTo(row[1..]));
                    Assert.That(batch.Targets[b * 7 + 6], Is.EqualTo(row[6] + 1 < 199 ? row[6] + 1 : End));
                }
                Assert.That(batch.Lengths, Is.All.EqualTo(7));
            }
            int offset = firsts.Min();
            Assert.That(firsts.Order(), Is.EqualTo(Enumerable.Range(0, 28).Select(w => offset + 7 * w)));
            orders.Add([.. firsts.Select(first => (first - offset) / 7)]);
        }
        Assert.That(batches.Position, Is.EqualTo(new EpochPosition(5, 0)));
        Assert.That(orders.Select(order => string.Join(' ', order)), Is.Unique);
        Assert.That(orders[0], Is.Not.Ordered);
    }

    // Documents of 1 to 9 tokens 100 d, 100 d + 1 ...; the last has 30 and does not fit a row of 12.
    [Test]
    public void Shuffled_rows_begin_with_a_document_and_follow_another_order_every_epoch()
    {
        const int T = 12, Long = 40;
        int Length(int d) => d == Long ? 30 : d % 9 + 1;
        TokenDataset data = Data([.. Enumerable.Range(1, Long)
            .Select(d => Enumerable.Range(100 * d, Length(d)).ToArray())]);
        var batches = new TokenBatches(data, new TokenBatchOptions(1, T, TokenRows.Shuffled), seed: 4);
        var pairs = new List<string>();
        for (int epoch = 0; epoch < 5; epoch++)
        {
            var seen = new HashSet<int>();
            var follows = new SortedSet<(int, int)>();
            while (batches.Position.Epoch == epoch)
            {
                TokenBatch row = batches.Next();
                int[] tokens = [.. row.Tokens, row.Targets[^1]];
                Assert.That(row.Targets[..^1], Is.EqualTo(row.Tokens[1..]));
                Assert.That(row.Lengths, Is.EqualTo(new[] { T }));
                Assert.That(tokens[0] == End || tokens[0] / 100 == Long, Is.True);
                for (int t = 1; t <= T; t++)
                {
                    int d = tokens[t - 1] / 100;
                    Assert.That(tokens[t], Is.EqualTo(
                        tokens[t - 1] == End ? tokens[t] / 100 * 100 : tokens[t - 1] - 100 * d + 1 < Length(d)
                            ? tokens[t - 1] + 1 : End));
                    if (tokens[t] == End || d == Long)
                        seen.Add(d);
                    if (t > 1 && tokens[t - 1] == End)
                        follows.Add((tokens[t - 2] / 100, tokens[t] / 100));
                }
            }
            // Whole in a row, but for what is left at the end of the epoch.
            int[] missing = [.. Enumerable.Range(1, Long - 1).Where(d => !seen.Contains(d))];
            Assert.That(missing.Sum(d => Length(d) + 1), Is.LessThanOrEqualTo(T));
            Assert.That(seen, Does.Contain(Long));
            pairs.Add(string.Join(' ', follows));
        }
        Assert.That(pairs, Is.Unique);
    }

    [TestCase(TokenRows.Packed)]
    [TestCase(TokenRows.Shuffled)]
    [TestCase(TokenRows.PerDocument)]
    public void A_resumed_run_goes_on_exactly(TokenRows rows)
    {
        TokenDataset data = RandomData();
        var options = new TokenBatchOptions(5, 6, rows);
        var whole = new TokenBatches(data, options, seed: 42);
        for (int step = 0; step < 60; step++)
        {
            var resumed = new TokenBatches(data, options, seed: 42) { Position = whole.Position };
            TokenBatch expected = whole.Next();
            AssertSame(resumed.Next(), expected);
            Assert.That(resumed.Position, Is.EqualTo(whole.Position));
            var later = new TokenBatches(data, options, seed: 42) { Position = whole.Position };
            AssertSame(resumed.Next(), later.Next());
        }
        Assert.That(whole.Position.Epoch, Is.GreaterThan(2));
    }

    [Test]
    public void A_batch_may_be_larger_than_the_data()
    {
        var batches = new TokenBatches(ThreeDocuments, new(10, 6, TokenRows.PerDocument), seed: 0);
        TokenBatch batch = batches.Next();
        Assert.That(batches.RowsPerEpoch, Is.EqualTo(3));
        Assert.That(batch.B, Is.EqualTo(10));
        Assert.That(batches.Position, Is.EqualTo(new EpochPosition(3, 1)));
        for (int epoch = 0; epoch < 3; epoch++)
            Assert.That(Enumerable.Range(0, 3).Select(i => batch.Tokens[(epoch * 3 + i) * 6]),
                Is.EquivalentTo(new[] { 1, 4, 5 }));
    }

    [Test]
    public void Windows_come_from_everywhere_and_from_the_seed()
    {
        TokenDataset data = RandomData();
        int[] tokens = data.Tokens.ToArray();
        var random = new SeededRandom(9);
        var again = new SeededRandom(9);
        var starts = new HashSet<int>();
        for (int i = 0; i < 20 * tokens.Length; i++)
        {
            int[] window = data.SampleWindow(10, random);
            Assert.That(data.SampleWindow(10, again), Is.EqualTo(window));
            starts.Add(tokens.AsSpan().IndexOf(window));
        }
        Assert.That(starts, Has.Count.EqualTo(tokens.Length - 10));
    }

    [Test]
    public void Too_little_data_and_wrong_options_are_refused()
    {
        BadInput.Refused(() => TokenDataset.FromTokens([[], []], End), "no token");
        BadInput.Refused(() => _ = new TokenBatches(ThreeDocuments, new(1, 14), 0), "14 tokens", "14");
        BadInput.Refused(() => ThreeDocuments.SampleWindow(14, new SeededRandom(0)), "14");
        Assert.That(new TokenBatches(ThreeDocuments, new(1, 13), 0).RowsPerEpoch, Is.EqualTo(1));
        Assert.That(new TokenBatches(ThreeDocuments, new(1, 13, TokenRows.Shuffled), 0).RowsPerEpoch,
            Is.EqualTo(1));
        BadInput.Refused(() => _ = new TokenBatches(ThreeDocuments, new(1, 14, TokenRows.Shuffled), 0),
            "14 tokens");
        Assert.That(ThreeDocuments.SampleWindow(13, new SeededRandom(0)), Has.Length.EqualTo(14));
        BadInput.Refused(() => _ = new TokenBatches(ThreeDocuments, new(0, 4), 0), "0 rows");
        BadInput.Refused(() => _ = new TokenBatches(ThreeDocuments, new(4, -1), 0), "-1 tokens");
        BadInput.Refused(() => _ = new TokenBatches(ThreeDocuments, new(1 << 20, 1 << 20), 0), "at most");
        var batches = new TokenBatches(ThreeDocuments, new(1, 4), 0);
        foreach (EpochPosition wrong in (EpochPosition[])[new(-1, 0), new(0, -1), new(0, 3), new(2, 1 << 30)])
            BadInput.Refused(() => batches.Position = wrong, "position");
    }

    [Test]
    public void Documents_are_encoded_without_parsing_special_tokens()
    {
        BpeVocabulary vocabulary = BpeTrainer.Train([], 257, [BpeVocabulary.EndOfText]);
        var tokenizer = new ByteBpeTokenizer(vocabulary);
        TokenDataset data = TokenDataset.FromDocuments(["ab", "<|endoftext|>"], tokenizer);
        Assert.That(data.EndOfText, Is.EqualTo(256));
        Assert.That(data.Tokens.ToArray().Count(id => id == 256), Is.EqualTo(3));
        Assert.That(tokenizer.Decode(data.Document(1)), Is.EqualTo("<|endoftext|>"));
        var without = new ByteBpeTokenizer(BpeTrainer.Train([], 256, []));
        BadInput.Refused(() => TokenDataset.FromDocuments(["ab"], without), "<|endoftext|>");
    }

    static TokenDataset RandomData()
    {
        var random = new SeededRandom(6);
        int[][] documents = new int[30][];
        for (int d = 0; d < documents.Length; d++)
            documents[d] = [.. Enumerable.Range(0, random.Next(14)).Select(_ => random.Next(90))];
        return Data(documents);
    }

    static TokenDataset Data(params int[][] documents) => TokenDataset.FromTokens(documents, End);

    static void AssertSame(TokenBatch found, TokenBatch expected)
    {
        Assert.That(found.Tokens, Is.EqualTo(expected.Tokens));
        Assert.That(found.Targets, Is.EqualTo(expected.Targets));
        Assert.That(found.Lengths, Is.EqualTo(expected.Lengths));
    }
}
