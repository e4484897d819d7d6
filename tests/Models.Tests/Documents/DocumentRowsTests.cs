namespace HeadTap.Models.Tests;

/// <summary>
/// Which rows documents give, in which order, and that a resumed run goes on where it stopped.
/// </summary>
sealed class DocumentRowsTests
{
    const int Bos = 99;

    static readonly ModelConfig Model = new()
    {
        VocabSize = 100, ContextLength = 16, Width = 8, Layers = 1, Heads = 2,
    };

    // Document d holds d, d, ... : a row says which document it is from. One is empty.
    static readonly DocumentSource Six = DocumentSource.FromIds(
        [[0, 0, 0, 0, 0, 0, 0], [1], [], [3, 3, 3], [4, 4, 4, 4], [5, 5, 5, 5, 5], [6, 6, 6, 6, 6, 6]],
        "x.json");

    [Test]
    public void Documents_are_cut_into_rows_in_order()
    {
        var rows = new DocumentRows(
            DocumentSource.FromIds([[1, 2, 3, 4, 5, 6, 7], [8], [], [9, 10, 11]], "x"),
            Model, new RowOptions(3), seed: 1);
        Assert.That(InOrder(rows), Is.EqualTo((int[][])[[1, 2, 3], [4, 5, 6], [7], [8], [9, 10, 11]]));
        Assert.That(rows.InOrder(2).Select(batch => batch.B), Is.EqualTo(new[] { 2, 2, 1 }));
        Assert.That(rows.InOrder(2, limit: 3).Select(batch => batch.B), Is.EqualTo(new[] { 2, 1 }));
        Assert.That(rows.InOrder(5, limit: 4).Single().Row(3).ToArray(), Is.EqualTo(new[] { 8 }));
        Assert.That(rows.Position, Is.EqualTo(new RowPosition(0, 0, 0)));
    }

    [Test]
    public void A_beginning_token_counts_in_the_first_row()
    {
        DocumentSource documents = DocumentSource.FromIds([[1, 2, 3], [], [4]], "x");
        int[][] Rows(int T) => InOrder(new DocumentRows(documents, Model, new RowOptions(T, Bos), seed: 1));
        Assert.That(Rows(3), Is.EqualTo((int[][])[[Bos, 1, 2], [3], [Bos, 4]]));
        Assert.That(Rows(1), Is.EqualTo((int[][])[[Bos], [1], [2], [3], [Bos], [4]]));
        Assert.That(Rows(16), Is.EqualTo((int[][])[[Bos, 1, 2, 3], [Bos, 4]]));
    }

    [Test]
    public void Every_epoch_has_every_document_once_in_its_own_order()
    {
        DocumentSource documents = DocumentSource.FromIds(
            Enumerable.Range(0, 40).Select(d => Enumerable.Repeat(d, d % 7 + 1).ToArray()), "x");
        var rows = new DocumentRows(documents, Model, new RowOptions(3), seed: 8);
        var orders = new List<string>();
        for (int epoch = 0; epoch < 5; epoch++)
        {
            var seen = new List<int>();
            while (rows.Position.Epoch == epoch)
            {
                Assert.That(rows.Position.Document, Is.EqualTo(seen.Count));
                var document = new List<int>();
                do
                    document.AddRange(rows.Next(1).Row(0));
                while (rows.Position.Row > 0);
                Assert.That(document, Has.Count.EqualTo(document[0] % 7 + 1).And.All.EqualTo(document[0]));
                seen.Add(document[0]);
            }
            Assert.That(seen, Is.EquivalentTo(Enumerable.Range(0, 40)).And.Not.Ordered);
            orders.Add(string.Join(' ', seen));
        }
        Assert.That(orders, Is.Unique);
    }

    [TestCase(1, null)]
    [TestCase(3, null)]
    [TestCase(3, Bos)]
    [TestCase(16, Bos)]
    public void A_resumed_run_goes_on_exactly_from_every_position(int T, int? bos)
    {
        var options = new RowOptions(T, bos);
        var whole = new DocumentRows(Six, Model, options, seed: 42);
        var used = new DocumentRows(Six, Model, options, seed: 42);
        while (whole.Position.Epoch < 3)
        {
            string saved = whole.Position.ToString();
            var resumed = new DocumentRows(Six, Model, options, seed: 42)
            {
                Position = RowPosition.Parse(saved),
            };
            used.Next(5);
            used.Position = whole.Position;
            Assert.That(resumed.Position, Is.EqualTo(whole.Position));
            int[][] expected = Rows(resumed.Next(9));
            Assert.That(Rows(used.Next(9)), Is.EqualTo(expected));
            Assert.That(used.Position, Is.EqualTo(resumed.Position));
            Assert.That(Rows(whole.Next(1))[0], Is.EqualTo(expected[0]));
        }
    }

    [Test]
    public void The_order_is_the_seeds()
    {
        int[][] Epochs(ulong seed) => Rows(new DocumentRows(Six, Model, new RowOptions(16), seed).Next(18));
        Assert.That(Epochs(1), Is.EqualTo(Epochs(1)));
        Assert.That(Epochs(1), Is.Not.EqualTo(Epochs(2)));
        Assert.That(Enumerable.Range(0, 20).Select(s => string.Join(' ', Epochs((ulong)s).Select(r => r[0]))),
            Is.Unique);
    }

    [Test]
    public void A_batch_holds_rows_of_unequal_length_and_of_two_epochs()
    {
        var rows = new DocumentRows(Six, Model, new RowOptions(16), seed: 3);
        SequenceBatch batch = rows.Next(8);
        Assert.That(batch.Lengths[..6], Is.EquivalentTo(new[] { 1, 3, 4, 5, 6, 7 }));
        Assert.That(batch.T, Is.EqualTo(7));
        Assert.That(rows.Position, Is.EqualTo(new RowPosition(1, 2, 0)));
        batch.Validate(Model);
    }

    [Test]
    public void The_hash_tells_documents_length_and_beginning()
    {
        string Hash(int T, int? bos) => new DocumentRows(Six, Model, new RowOptions(T, bos), 1).Hash;
        Assert.That(new DocumentRows(Six, Model, new RowOptions(3), 2).Hash, Is.EqualTo(Hash(3, null)));
        string other = new DocumentRows(Six.Split(0.5, 1).Train, Model, new RowOptions(3), 1).Hash;
        Assert.That((string[])[Hash(3, null), Hash(4, null), Hash(3, 0), Hash(3, 1), other],
            Is.Unique.And.All.Length.EqualTo(64));
    }

    [Test]
    public void Positions_of_other_data_are_refused_and_change_nothing()
    {
        var rows = new DocumentRows(Six, Model, new RowOptions(3), seed: 1);
        var same = new DocumentRows(Six, Model, new RowOptions(3), seed: 1);
        for (int step = 0; step < 20; step++)
        {
            foreach (RowPosition wrong in (RowPosition[])[new(-1, 0, 0), new(0, -1, 0), new(0, 0, -1),
                new(0, 6, 0), new(2, 3, 3), new(4, 0, int.MaxValue)])
                BadInput.Refused(
                    () => rows.Position = wrong, $"row {wrong.Row} of document", "Resume with the data");
            Assert.That(rows.Position, Is.EqualTo(same.Position));
            Assert.That(Rows(rows.Next(1)), Is.EqualTo(Rows(same.Next(1))));
        }
    }

    [Test]
    public void Positions_are_text()
    {
        Assert.That(new RowPosition(2, 17, 0).ToString(), Is.EqualTo("2.17.0"));
        foreach (string wrong in (string[])
            ["", "1.2", "1.2.3.4", "1.2.x", "-1.2.3", "1. 2.3", "1.2.9999999999"])
            BadInput.Refused(() => RowPosition.Parse(wrong), "position", "2.17.0");
    }

    [Test]
    public void What_the_model_cannot_read_is_refused()
    {
        BadInput.Refused(() => Make(new RowOptions(0)), "0 tokens", "1 to 16");
        BadInput.Refused(() => Make(new RowOptions(17)), "17 tokens", "1 to 16");
        BadInput.Refused(() => Make(new RowOptions(3, 100)), "100", "0 to 99");
        BadInput.Refused(() => Make(new RowOptions(3, -1)), "-1", "0 to 99");
        DocumentSource documents = DocumentSource.FromIds([[], [1, 100]], "x.json");
        var rows = new DocumentRows(documents, Model, new RowOptions(1), 1);
        BadInput.Refused(() => rows.Next(1), "x.json: row 1", "token id 100", "0 to 99");
        BadInput.Refused(() => _ = rows.InOrder(1).Count(), "x.json: row 1");

        static void Make(RowOptions options) => _ = new DocumentRows(Six, Model, options, 1);
    }

    static int[][] InOrder(DocumentRows rows) => [.. rows.InOrder(2).SelectMany(Rows)];

    static int[][] Rows(SequenceBatch batch) =>
        [.. Enumerable.Range(0, batch.B).Select(b => batch.Row(b).ToArray())];
}
