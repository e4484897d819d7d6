using System.Text;

namespace HeadTap.Models.Tests;

/// <summary>Documents read from disk one at a time are those that are read all at once.</summary>
sealed class DocumentSourceTests
{
    // One token a byte: ids say exactly which bytes were read.
    static readonly ByteBpeTokenizer Bytes = new(BpeTrainer.Train([], 257, [BpeVocabulary.EndOfText]));

    [TestCase("one\n\ntwo\n")]
    [TestCase("\uFEFFone")]
    [TestCase("\uFEFF<|endoftext|>one")]
    [TestCase("a<|endoftext|>b")]
    [TestCase("a\n<|endoftext|>\nb\n")]
    [TestCase("a\r\n<|endoftext|>\r\nb")]
    [TestCase("\r\na\r\n\r\n<|endoftext|>\r\n\r\nb\r\n")]
    [TestCase("a\r<|endoftext|>\rb")]
    [TestCase("a\n\n<|endoftext|>\n\nb")]
    [TestCase("a<|endoftext|>\n<|endoftext|>\r\n<|endoftext|>\n\n<|endoftext|>\n\n\n<|endoftext|>b")]
    [TestCase("<|endoftext|>a<|endoftext|>\n<|endoftext|>")]
    [TestCase("a<|endoftext|>\n")]
    [TestCase("<<|endoftext|><|endoftext<|endoftext|>|><|endoftext|")]
    [TestCase("é<|endoftext|>€\n<|endoftext|>𝄞<|endoftext|>€𝄞é")]
    public void Plain_text_has_the_documents_of_TextDocuments(string content) => AssertSame("x.txt", content);

    [TestCase("{\"text\": \"a\\nb\"}\n{\"id\": 1, \"text\": \"c\"}")]
    [TestCase("\uFEFF{\"text\": \"é\"}\r\n\r\n  \n{\"text\": \"<|end\"}\n")]
    [TestCase("{\"text\": \"\"}\n{\"text\": \"c\"}\n")]
    [TestCase("\n{\"text\": \"€𝄞\\ud834\\udd1e\"}")]
    [TestCase("{\"text\": \"a long line, longer than the smallest windows are\", \"text\": \"b\"}\n")]
    public void Json_lines_have_the_documents_of_TextDocuments(string content) =>
        AssertSame("x.JSONL", content);

    [Test]
    public void Random_text_has_the_documents_of_TextDocuments()
    {
        var random = new SeededRandom(3);
        string[] parts =
            ["a", "\n", "\r\n", "\r", "é", "€", "𝄞", "<", "<|endof", BpeVocabulary.EndOfText];
        for (int i = 0; i < 300; i++)
        {
            int length = 1 + random.Next(40);
            IEnumerable<int> drawn = Enumerable.Range(0, length).Select(_ => random.Next(parts.Length));
            AssertSame("x.txt", string.Concat(drawn.Select(part => parts[part])) + "z");
        }
    }

    // Windows of 16 bytes and up put every border of the reading between every two bytes.
    static void AssertSame(string name, string content)
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write(name, content);
        IReadOnlyList<string> expected = TextDocuments.Read(path);
        for (int window = 16; window < 36; window++)
        {
            var index = new TextFileIndex(path, window);
            IEnumerable<string> found = Enumerable.Range(0, index.Count).Select(index.Read);
            Assert.That(found, Is.EqualTo(expected), $"{window}");
        }
        DocumentSource source = DocumentSource.FromFiles([path, path], Bytes);
        Assert.That(Texts(source), Is.EqualTo(expected.Concat(expected)));
    }

    [TestCase("{\"text\": \"a\"}\n{\"text\": ", "line 2")]
    [TestCase("{\"text\": \"a\"}\n\n{\"txt\": \"a\"}", "line 3")]
    [TestCase("{\"text\": 5}", "line 1")]
    [TestCase("[]", "line 1")]
    [TestCase("{\"text\": \"a\"}\n{\"text\": \"\\ud800\"}", "line 2")]
    [TestCase("", "no text")]
    [TestCase("{\"text\": \"\"}", "no text")]
    public void Wrong_json_lines_are_refused_by_line(string content, string words)
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write("x.jsonl", content);
        BadInput.Refused(() => DocumentSource.FromFiles([path], Bytes), "x.jsonl", words);
    }

    [Test]
    public void Bytes_that_are_not_UTF8_are_refused_by_line()
    {
        using var folder = new TemporaryFolder();
        byte[][] broken =
            [[0xC3, 0x28], [0xFF, 0x61], [0x80], [0xED, 0xA0, 0x80], [0xF0, 0x9D, 0x84], [0xE2]];
        foreach (byte[] bytes in broken)
            for (int before = 0; before < 40; before++)
            {
                byte[] text = [.. "é\n€\n"u8, .. Encoding.UTF8.GetBytes(new string('a', before)), .. bytes];
                string path = folder.Write("x.txt", text);
                BadInput.Refused(() => _ = new TextFileIndex(path, 16),
                    "x.txt", "line 3", $"byte {7 + before} ", "UTF-8");
            }
        string json = folder.Write(
            "x.jsonl", [.. "{\"text\": \"a\"}\n{\"text\": \""u8, 0xC3, 0x28, .. "\"}"u8]);
        BadInput.Refused(() => DocumentSource.FromFiles([json], Bytes), "x.jsonl", "line 2");
    }

    [Test]
    public void Files_that_give_no_documents_are_refused()
    {
        using var folder = new TemporaryFolder();
        BadInput.Refused(() => DocumentSource.FromFiles([], Bytes), "no text file");
        BadInput.Refused(
            () => DocumentSource.FromFiles([folder["none.txt"]], Bytes), "none.txt", "no such file");
        BadInput.Refused(() => DocumentSource.FromFiles([folder.Path], Bytes), "folder");
        foreach (string empty in (string[])["", "\uFEFF", "\n<|endoftext|>\n", "\uFEFF<|endoftext|>"])
            BadInput.Refused(() => DocumentSource.FromFiles([folder.Write("e.txt", empty)], Bytes),
                "e.txt", "no text");
        BadInput.Refused(() => DocumentSource.FromTexts(["", ""], Bytes), "the text", "no token");
        BadInput.Refused(() => DocumentSource.FromIds([[], []], "x.json"), "x.json", "no token");
    }

    [Test]
    public void A_file_that_changed_is_refused()
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write("x.txt", "one<|endoftext|>two");
        DocumentSource source = DocumentSource.FromFiles([path], Bytes);
        folder.Write("x.txt", "one<|endoftext|>three");
        BadInput.Refused(() => source.Read(1), "x.txt", "changed");
        File.Delete(path);
        BadInput.Refused(() => source.Read(1), "x.txt", "no such file");
    }

    [Test]
    public void A_document_the_tokenizer_cannot_encode_is_named()
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write("x.txt", "aaa<|endoftext|>abc");
        var onlyA = new ByteBpeTokenizer(BpeVocabulary.Create(["a"], [], []));
        DocumentSource source = DocumentSource.FromFiles([path], onlyA);
        Assert.That(source.Read(0).ToArray(), Is.EqualTo(new[] { 0, 0, 0 }));
        BadInput.Refused(() => source.Read(1), "x.txt: document 2", "byte 16", "0x62");
    }

    [Test]
    public void Ids_outside_the_vocabulary_are_refused_by_row()
    {
        DocumentSource ids = DocumentSource.FromIds([[], [1, 2], [3, 70]], "x.json");
        Assert.That(ids.Count, Is.EqualTo(2));
        Assert.That(ids.Read(1, 71).ToArray(), Is.EqualTo(new[] { 3, 70 }));
        BadInput.Refused(() => ids.Read(1, 70), "x.json: row 2", "token id 70", "0 to 69");
        BadInput.Refused(() => ids.TokenCounts(70, 4), "row 2");
        Assert.That(ids.TokenCounts(70, 2).Sum(), Is.EqualTo(2));
        BadInput.Refused(() => DocumentSource.FromIds([[-1]], "x.json").Read(0, 9), "row 0", "token id -1");
        DocumentSource texts = DocumentSource.FromTexts(["a", "", "é"], Bytes);
        BadInput.Refused(() => texts.Read(1, 100), "the text: document 3", "0 to 99");
    }

    [TestCase(".txt")]
    [TestCase(".jsonl")]
    public void A_large_file_is_not_held_in_memory(string extension)
    {
        const int Documents = 1024, Characters = 64 << 10; // 64 MB
        using var folder = new TemporaryFolder();
        string path = folder["large" + extension];
        using (var file = new StreamWriter(path))
            for (int d = 0; d < Documents; d++)
            {
                string text = new((char)('a' + d % 26), Characters);
                file.Write(extension == ".txt" ? $"{text}\n<|endoftext|>\n" : $"{{\"text\": \"{text}\"}}\n");
            }
        long before = GC.GetTotalMemory(forceFullCollection: true);
        var index = new TextFileIndex(path);
        Assert.That(GC.GetTotalMemory(forceFullCollection: true) - before, Is.LessThan(1 << 20));
        Assert.That(index.Count, Is.EqualTo(Documents));
        foreach (int d in (int[])[0, 700, Documents - 1])
        {
            long allocated = GC.GetAllocatedBytesForCurrentThread();
            string text = index.Read(d);
            // The document's bytes, its characters, and small things.
            Assert.That(GC.GetAllocatedBytesForCurrentThread() - allocated, Is.LessThan(4 * Characters));
            Assert.That(text, Is.EqualTo(new string((char)('a' + d % 26), Characters)));
        }
    }

    [Test]
    public void A_large_plain_file_is_indexed_in_one_window()
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write(
            "x.txt", string.Join("<|endoftext|>", Enumerable.Repeat("some text", 300_000)));
        long allocated = GC.GetAllocatedBytesForCurrentThread();
        var index = new TextFileIndex(path);
        // 6.6 MB of text: a window of 256 kB and lists of 12 bytes a document that double as they grow.
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - allocated,
            Is.LessThan((1 << 19) + 300_000 * 12 * 5));
        Assert.That(index.Count, Is.EqualTo(300_000));
        Assert.That(index.Read(299_999), Is.EqualTo("some text"));
    }

    [Test]
    public void The_hash_tells_contents_kind_order_and_tokenizer()
    {
        using var folder = new TemporaryFolder();
        string a = folder.Write("a.txt", "{\"text\": \"a\"}"), b = folder.Write("b.txt", "b");
        string line = folder.Write("a.jsonl", "{\"text\": \"a\"}"), same = folder.Write("c.txt", "b");
        var larger = new ByteBpeTokenizer(BpeTrainer.Train(["abababab"], 258, [BpeVocabulary.EndOfText]));
        string Hash(params string[] paths) => DocumentSource.FromFiles(paths, Bytes).Hash;
        Assert.That(Hash(a, b), Has.Length.EqualTo(64).And.EqualTo(Hash(a, same)));
        Assert.That(DocumentSource.FromFiles([b], larger).Hash, Is.Not.EqualTo(Hash(b)));
        string Ids(params int[][] rows) => DocumentSource.FromIds(rows, "x").Hash;
        Assert.That(Ids([1, 2], [3]), Is.EqualTo(Ids([1, 2], [], [3])));
        Assert.That((string[])[Hash(a, b), Hash(b, a), Hash(a), Hash(b), Hash(line), Ids([1, 2], [3]),
            Ids([1], [2, 3]), Ids([1, 2, 3]), Ids([1, 2], [4])], Is.Unique);
        // SHA-256 of "2\n" and the int32s 1, 2, little-endian, from another program.
        Assert.That(Ids([1, 2]),
            Is.EqualTo("e0b45d1681f75f8e454b664c81885c997fc66a0221d85ad3415f3ad57d714fc0"));
    }

    [Test]
    public void A_split_is_disjoint_and_complete()
    {
        DocumentSource all =
            DocumentSource.FromIds(Enumerable.Range(0, 50).Select(d => new[] { d, d }), "x");
        (DocumentSource train, DocumentSource validation) = all.Split(0.2, seed: 5);
        int[] trained = First(train), held = First(validation);
        Assert.That(held, Has.Length.EqualTo(10).And.Ordered);
        Assert.That(trained, Is.Ordered);
        Assert.That(trained.Concat(held), Is.EquivalentTo(Enumerable.Range(0, 50)));
        Assert.That(First(all.Split(0.2, 5).Validation), Is.EqualTo(held));
        Assert.That(First(all.Split(0.2, 6).Validation), Is.Not.EqualTo(held));
        Assert.That((string[])[all.Hash, train.Hash, validation.Hash, all.Split(0.2, 6).Train.Hash],
            Is.Unique);
        Assert.That(First(all.Split(1e-9, 5).Validation), Has.Length.EqualTo(1));
        Assert.That(First(all.Split(1 - 1e-9, 5).Train), Has.Length.EqualTo(1));
        BadInput.Refused(() => validation.Read(0, held[0]), $"row {held[0]}");
        foreach (double share in (double[])[0, 1, -0.1, double.NaN])
            BadInput.Refused(() => all.Split(share, 5), "validation", "between 0 and 1");
        BadInput.Refused(
            () => DocumentSource.FromIds([[1], []], "x").Split(0.5, 5), "1 document", "at least 2");

        static int[] First(DocumentSource part) =>
            [.. Enumerable.Range(0, part.Count).Select(d => part.Read(d).Span[0])];
    }

    [Test]
    public void Tokens_are_counted_in_the_documents_order()
    {
        DocumentSource ids = DocumentSource.FromIds([[1, 1, 2], [0, 2, 2, 3]], "x");
        Assert.That(ids.TokenCounts(5, 0), Is.EqualTo(new[] { 0, 0, 0, 0, 0 }));
        Assert.That(ids.TokenCounts(5, 2), Is.EqualTo(new[] { 0, 2, 0, 0, 0 }));
        Assert.That(ids.TokenCounts(5, 5), Is.EqualTo(new[] { 1, 2, 2, 0, 0 }));
        Assert.That(ids.TokenCounts(5, long.MaxValue), Is.EqualTo(new[] { 1, 2, 3, 1, 0 }));
    }

    static IEnumerable<string> Texts(DocumentSource source) =>
        Enumerable.Range(0, source.Count).Select(d => Bytes.Decode(source.Read(d).Span));
}
