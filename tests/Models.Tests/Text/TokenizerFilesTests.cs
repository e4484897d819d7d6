using System.Diagnostics;
using System.Text.Json;
using HeadTap.Runtime;

namespace HeadTap.Models.Tests;

/// <summary>Wrong tokenizer files: one line that names the file, never a crash.</summary>
sealed class TokenizerFilesTests
{
    static readonly string[] Letters = ["a", "b", "ab", "abb"];

    [Test]
    public void A_folder_without_a_tokenizer_is_refused()
    {
        using var folder = new TemporaryFolder();
        Assert.That(ByteBpeTokenizer.ExistsIn(folder.Path), Is.False);
        BadInput.Refused(() => ByteBpeTokenizer.Load(folder.Path), folder.Path, "vocab.json",
            "tokenizer.json");
        BadInput.Refused(() => ByteBpeTokenizer.Load(folder["none"]), "none");
        folder.Write("vocab.json", "{\"a\": 0}");
        Assert.That(ByteBpeTokenizer.ExistsIn(folder.Path), Is.False);
        BadInput.Refused(() => ByteBpeTokenizer.Load(folder.Path), "merges.txt is missing");
        File.Move(folder["vocab.json"], folder["vocab.bpe"]);
        BadInput.Refused(() => ByteBpeTokenizer.Load(folder.Path), "encoder.json is missing");
    }

    [TestCase("", "JSON")]
    [TestCase("{\"a\": 0", "JSON")]
    [TestCase("[]", "object")]
    [TestCase("{}", "empty")]
    [TestCase("{\"a\": 0, \"a\": 1}", "")]
    [TestCase("{\"a\": 0, \"\\u0061\": 1}", "")]
    [TestCase("{\"a\": 0, \"b\": 0}", "id 0")]
    [TestCase("{\"a\": 0, \"b\": 2147483647}", "id 2147483647", "below 4194304")]
    [TestCase("{\"a\": 0, \"b\": 4194304}", "id 4194304", "below 4194304")]
    [TestCase("{\"a\": 0, \"b\": 4294967296}", "4294967296")]
    [TestCase("{\"a\": -1}", "-1")]
    [TestCase("{\"a\": 0.5}", "0.5")]
    [TestCase("{\"a\": \"0\"}", "whole number")]
    [TestCase("{\"a\": null}", "null")]
    [TestCase("{\"a\": {\"b\": 0}}", "whole number")]
    [TestCase("{\"\": 0}", "empty")]
    [TestCase("{\"a b\": 0}", "byte alphabet")]
    [TestCase("{\"日\": 0}", "byte alphabet")]
    [TestCase("{\"\\ud800\": 0}", "")]
    public void A_wrong_vocabulary_is_refused(string json, params string[] words)
    {
        using var folder = new TemporaryFolder();
        folder.Write("vocab.json", json);
        folder.Write("merges.txt", "");
        BadInput.Refused(() => ByteBpeTokenizer.Load(folder.Path), ["vocab.json", .. words]);
    }

    [Test]
    public void An_id_that_is_skipped_is_one_without_a_token()
    {
        using TemporaryFolder folder = new(), copy = new();
        folder.Write("vocab.json", """{"b": 2, "a": 0, "ab": 5, "<s>": 7}""");
        folder.Write("merges.txt", "a b\n");
        folder.Write("special_tokens_map.json", """{"bos_token": "<s>"}""");
        ByteBpeTokenizer gaps = ByteBpeTokenizer.Load(folder.Path);
        Assert.That(gaps.VocabSize, Is.EqualTo(8));
        Assert.That(gaps.Encode("abba<s>", parseSpecial: true), Is.EqualTo((int[])[5, 2, 0, 7]));
        Assert.That(gaps.Decode([5, 1, 2, 6, 99]), Is.EqualTo("ab<id 1>b<id 6><id 99>"));
        Assert.That(Enumerable.Range(-1, 10).Where(gaps.HasToken), Is.EqualTo((int[])[0, 2, 5, 7]));
        Assert.That(Enumerable.Range(0, 9).Select(gaps.TokenText), Is.EqualTo(
            (string[])["a", "<id 1>", "b", "<id 3>", "<id 4>", "ab", "<id 6>", "<s>", "<id 8>"]));
        var long1 = new List<int>();
        gaps.EncodeWordByWord("abab", long1, longest: 1);
        Assert.That(long1, Is.EqualTo((int[])[5, 5]), "the merging of long words");
        gaps.Vocabulary.Save(copy.Path);
        ByteBpeTokenizer again = ByteBpeTokenizer.Load(copy.Path);
        Assert.That(again.Vocabulary.Tokens, Is.EqualTo(gaps.Vocabulary.Tokens));
        Assert.That(again.IdOf(""), Is.Null);
    }

    [TestCase("a b\nab", "line 2")]
    [TestCase("#version: 0.2\na b\n\nab b c\n", "line 4")]
    [TestCase("a b\n b", "line 2")]
    [TestCase("a  b", "line 1")]
    [TestCase("a x", "merge 1", "\"x\"")]
    [TestCase("x a", "merge 1", "\"x\"")]
    [TestCase("b a", "merge 1", "\"ba\"")]
    [TestCase("a b\na b", "merge 2", "twice")]
    [TestCase("a\tb", "line 1")]
    public void Wrong_merges_are_refused(string merges, params string[] words)
    {
        using var folder = new TemporaryFolder();
        folder.Write("vocab.json", Vocabulary(Letters));
        folder.Write("merges.txt", merges);
        BadInput.Refused(() => ByteBpeTokenizer.Load(folder.Path), ["merges.txt", .. words]);
        folder.Write("merges.txt", [.. "a b\n"u8, 0xFF]);
        BadInput.Refused(() => ByteBpeTokenizer.Load(folder.Path), "merges.txt", "byte 4");
    }

    [Test]
    public void Deep_and_large_json_is_refused()
    {
        using var folder = new TemporaryFolder();
        folder.Write("merges.txt", "");
        folder.Write("vocab.json", new string('[', 1_000_000));
        BadInput.Refused(() => ByteBpeTokenizer.Load(folder.Path), "vocab.json");
        folder.Write("vocab.json", "{\"a\":" + new string('{', 100_000));
        BadInput.Refused(() => ByteBpeTokenizer.Load(folder.Path), "vocab.json");
        using (FileStream huge = File.OpenWrite(folder["vocab.json"]))
            huge.SetLength(1L << 32); // sparse: takes no room
        BadInput.Refused(() => ByteBpeTokenizer.Load(folder.Path), "vocab.json", "4294967296");
    }

    [TestCase("\"model\"", "\"modell\"", "model")]
    [TestCase("\"BPE\"", "\"Unigram\"", "Unigram")]
    [TestCase("\"normalizer\":null", "\"normalizer\":{\"type\":\"NFC\"}", "normalizer")]
    [TestCase("\"ByteLevel\"", "\"Whitespace\"", "pre_tokenizer")]
    [TestCase("\"pre_tokenizer\":{", "\"pre_tokenizer\":null,\"other\":{", "no pre_tokenizer")]
    [TestCase("\"pre_tokenizer\":{", "\"other\":{", "no pre_tokenizer")]
    [TestCase("\"add_prefix_space\":false", "\"add_prefix_space\":1", "add_prefix_space")]
    [TestCase("\"use_regex\":true", "\"use_regex\":false", "use_regex")]
    [TestCase("\"byte_fallback\":false", "\"byte_fallback\":true", "byte_fallback")]
    [TestCase("\"dropout\":null", "\"dropout\":0.1", "dropout")]
    [TestCase("\"merges\":[", "\"merges\":[5,", "string")]
    [TestCase("\"merges\":[", "\"merges\":[\"a\",", "merge 1")]
    [TestCase("\"merges\":[", "\"merges\":[[\"a\",\"b\",\"c\"],", "merge 1")]
    [TestCase("\"id\":4", "\"id\":3", "id 3")]
    [TestCase("\"id\":4", "\"id\":4194304", "id 4194304")]
    [TestCase("\"content\"", "\"contents\"", "added token")]
    public void A_wrong_tokenizer_json_is_refused(string right, string wrong, string word)
    {
        using var folder = new TemporaryFolder();
        folder.Write("tokenizer.json", TokenizerJson());
        ByteBpeTokenizer tokenizer = ByteBpeTokenizer.Load(folder.Path);
        Assert.That(tokenizer.Encode("ababb"), Is.EqualTo(new[] { 2, 3 }));
        Assert.That(tokenizer.EndOfText, Is.EqualTo(4));
        Assert.That(TokenizerJson(), Does.Contain(right));
        folder.Write("tokenizer.json", TokenizerJson().Replace(right, wrong, StringComparison.Ordinal));
        BadInput.Refused(() => ByteBpeTokenizer.Load(folder.Path), "tokenizer.json", word);
    }

    [Test]
    public void Added_tokens_come_from_both_side_files_and_must_agree()
    {
        using var folder = new TemporaryFolder();
        folder.Write("vocab.json", Vocabulary(Letters));
        folder.Write("merges.txt", "a b\nab b\n");
        folder.Write("added_tokens.json", "{\"<pad>\": 4}");
        const string Config = "{\"added_tokens_decoder\": {\"5\": {\"content\": \"<|endoftext|>\"}}}";
        folder.Write("tokenizer_config.json", Config);
        ByteBpeTokenizer tokenizer = ByteBpeTokenizer.Load(folder.Path);
        Assert.That(tokenizer.EndOfText, Is.EqualTo(5));
        int[] ids = tokenizer.Encode("ab<pad><|endoftext|>b", parseSpecial: true);
        Assert.That(ids, Is.EqualTo(new[] { 2, 4, 5, 1 }));
        Assert.That(tokenizer.Decode([4, 5, 3]), Is.EqualTo("<pad><|endoftext|>abb"));

        folder.Write("tokenizer_config.json", Config.Replace("|endoftext|", "pad", StringComparison.Ordinal));
        BadInput.Refused(() => ByteBpeTokenizer.Load(folder.Path), "tokenizer_config.json", "id 5", "4");
        folder.Write("tokenizer_config.json", "{\"added_tokens_decoder\": {\"x\": {\"content\": \"y\"}}}");
        BadInput.Refused(() => ByteBpeTokenizer.Load(folder.Path), "tokenizer_config.json");
        folder.Write("tokenizer_config.json", "{\"added_tokens_decoder\": 5}");
        BadInput.Refused(() => ByteBpeTokenizer.Load(folder.Path), "tokenizer_config.json");
    }

    [Test]
    public void A_byte_without_a_token_is_refused_and_not_left_out()
    {
        var tokenizer = new ByteBpeTokenizer(BpeVocabulary.Create(Letters, [("a", "b")], []));
        Assert.That(tokenizer.Encode("abba"), Is.EqualTo(new[] { 2, 1, 0 }));
        BadInput.Refused(() => tokenizer.Encode("abc"), "0x63");
        Assert.That(tokenizer.EndOfText, Is.Null);
    }

    [Test]
    public void A_vocabulary_made_in_code_is_checked()
    {
        Assert.That(() => BpeVocabulary.Create(["a", "a"], [], []), Throws.ArgumentException);
        Assert.That(() => BpeVocabulary.Create(["a"], [("a", "a")], []), Throws.ArgumentException);
        Assert.That(() => BpeVocabulary.Create(["a"], [], ["x"]), Throws.ArgumentException);
    }

    [Test]
    public void An_unwritable_folder_is_refused()
    {
        using var folder = new TemporaryFolder();
        string file = folder.Write("file", "x");
        BpeVocabulary vocabulary = BpeVocabulary.Create(Letters, [], []);
        BadInput.Refused(() => vocabulary.Save(Path.Combine(file, "in")), "file");
    }

    [Test]
    public void Mutated_files_are_read_or_refused()
    {
        using var folder = new TemporaryFolder();
        BpeVocabulary vocabulary = BpeTrainer.Train(
            ["the cat sat on the mat, the cat sat: ééé 日本 the end"], 290, [BpeVocabulary.EndOfText],
            minimumCount: 1);
        vocabulary.Save(folder["pair"]);
        folder.Write("single.json", TokenizerJson());
        Directory.CreateDirectory(folder["single"]);
        File.Move(folder["single.json"], folder["single/tokenizer.json"]);
        var random = new SeededRandom(77);
        var clock = Stopwatch.StartNew();
        int read = 0;
        int refused = 0;
        // 4000 rounds take 2 s; the clock only bounds a slow machine.
        for (int round = 0; round < 4000 && clock.Elapsed < TimeSpan.FromSeconds(5); round++)
        {
            string name = ((string[])["pair/vocab.json", "pair/merges.txt", "pair/tokenizer_config.json",
                "single/tokenizer.json"])[round % 4];
            byte[] right = File.ReadAllBytes(folder[name]);
            File.WriteAllBytes(folder[name], Mutated(right, random));
            try
            {
                ByteBpeTokenizer tokenizer = ByteBpeTokenizer.Load(Path.GetDirectoryName(folder[name])!);
                tokenizer.Decode(tokenizer.Encode("abab"));
                read++;
            }
            catch (UserException e)
            {
                Assert.That(e.Message, Does.Not.Contain('\n'));
                refused++;
            }
            File.WriteAllBytes(folder[name], right);
        }
        Assert.That(read, Is.GreaterThan(0));
        Assert.That(refused, Is.GreaterThan(read / 10));
    }

    [TestCase("\"normalizer\":null", "\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[]}")]
    [TestCase("\"dropout\":null", "\"dropout\":0")]
    [TestCase("{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":true}",
        "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"ByteLevel\",\"add_prefix_space\":false}]}")]
    public void What_changes_nothing_is_read(string usual, string other)
    {
        using var folder = new TemporaryFolder();
        Assert.That(TokenizerJson(), Does.Contain(usual));
        folder.Write("tokenizer.json", TokenizerJson().Replace(usual, other, StringComparison.Ordinal));
        Assert.That(ByteBpeTokenizer.Load(folder.Path).Encode("ababb"), Is.EqualTo(new[] { 2, 3 }));
    }

    [TestCase("CLIPTokenizer", false)]
    [TestCase("OpenAIGPTTokenizer", false)]
    [TestCase("BertTokenizer", false)]
    [TestCase("Qwen2TokenizerFast", false)]
    [TestCase("GPT2Tokenizer", true)]
    [TestCase("GPT2TokenizerFast", true)]
    [TestCase("PreTrainedTokenizerFast", true)]
    public void A_vocabulary_with_merges_is_read_as_its_class_reads_it(string name, bool isRead)
    {
        using var folder = new TemporaryFolder();
        folder.Write("vocab.json", Vocabulary(Letters));
        folder.Write("merges.txt", "#version: 0.2\na b\n#version: 0.2\nab b\n");
        folder.Write("tokenizer_config.json", $"{{\"tokenizer_class\": \"{name}\"}}");
        if (isRead)
            Assert.That(ByteBpeTokenizer.Load(folder.Path).Encode("ababb"), Is.EqualTo(new[] { 2, 3 }));
        else
            BadInput.Refused(
                () => ByteBpeTokenizer.Load(folder.Path), "tokenizer_config.json", name, "byte-level");
        // tokenizer.json says itself how it is read
        folder.Write("tokenizer.json", TokenizerJson());
        Assert.That(ByteBpeTokenizer.Load(folder.Path).Encode("ababb"), Is.EqualTo(new[] { 2, 3 }));
    }

    [TestCase("spiece.model", "SentencePiece")]
    [TestCase("vocab.txt", "WordPiece")]
    public void A_vocabulary_of_another_kind_is_called_by_its_name(string file, string kind)
    {
        using var folder = new TemporaryFolder();
        folder.Write(file, "x");
        BadInput.Refused(() => ByteBpeTokenizer.Load(folder.Path), file, kind);
    }

    static byte[] Mutated(byte[] right, SeededRandom random)
    {
        var bytes = right.ToList();
        for (int n = random.Next(3); n >= 0 && bytes.Count > 0; n--)
        {
            int at = random.Next(bytes.Count);
            switch (random.Next(6))
            {
                case 0: bytes[at] = (byte)random.Next(256); break;
                case 1: bytes[at] ^= (byte)(1 << random.Next(8)); break;
                case 2: bytes.RemoveRange(at, Math.Min(1 + random.Next(8), bytes.Count - at)); break;
                case 3: bytes.InsertRange(at, bytes.GetRange(at, Math.Min(20, bytes.Count - at))); break;
                case 4: bytes.InsertRange(at, "\"{}[]:,0-9\\ud800 \n"u8[random.Next(10)..].ToArray()); break;
                default: bytes.RemoveRange(at, bytes.Count - at); break;
            }
        }
        return [.. bytes];
    }

    static string Vocabulary(string[] tokens) => JsonSerializer.Serialize(Ids(tokens));

    static Dictionary<string, int> Ids(string[] tokens) =>
        tokens.Select((token, id) => (token, id)).ToDictionary(t => t.token, t => t.id);

    static string TokenizerJson() => JsonSerializer.Serialize(new
    {
        version = "1.0",
        added_tokens = new[] { new { id = 4, content = BpeVocabulary.EndOfText, special = true } },
        normalizer = (object?)null,
        pre_tokenizer = new { type = "ByteLevel", add_prefix_space = false, use_regex = true },
        model = new
        {
            type = "BPE",
            dropout = (object?)null,
            byte_fallback = false,
            vocab = Ids(Letters),
            merges = new object[] { "a b", new[] { "ab", "b" } },
        },
    });
}
