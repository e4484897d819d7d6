using System.Text;
using System.Text.Json;
using HeadTap.Reference;

namespace HeadTap.Models.Tests;

/// <summary>GPT-2's own vocabulary: published ids, the textbook's ids, exact round trips.</summary>
sealed class ByteBpeTokenizerTests
{
    ByteBpeTokenizer _tokenizer = null!;

    [OneTimeSetUp]
    public void LoadGpt2() => _tokenizer = ByteBpeTokenizer.Load(SharedData.Require("gpt2-bpe"));

    [TestCase("Hello world", new[] { 15496, 995 })]
    [TestCase("Hello, my dog is cute", new[] { 15496, 11, 616, 3290, 318, 13779 })]
    [TestCase(" ", new[] { 220 })]
    [TestCase("\n", new[] { 198 })]
    [TestCase("\n\n", new[] { 628 })]
    [TestCase("", new int[0])]
    [TestCase("<|endoftext|>", new[] { 27, 91, 437, 1659, 5239, 91, 29 })]
    public void Published_ids(string text, int[] ids) =>
        Assert.That(_tokenizer.Encode(text), Is.EqualTo(ids));

    [Test]
    public void Ids_are_those_of_the_textbook()
    {
        var reference = new BpeReference(_tokenizer.Vocabulary.Tokens, _tokenizer.Vocabulary.Merges);
        Assert.Multiple(() =>
        {
            foreach (string text in HardStrings.All())
                Assert.That(_tokenizer.Encode(text), Is.EqualTo(reference.Encode(text)), Escaped(text));
        });
    }

    [Test]
    public void Long_words_are_merged_alike()
    {
        Assert.Multiple(() =>
        {
            foreach (string text in HardStrings.All().Select(ByteBpeTokenizer.WithoutLoneSurrogates))
            {
                var ids = new List<int>();
                _tokenizer.EncodeWordByWord(text, ids, longest: 0);
                Assert.That(ids, Is.EqualTo(_tokenizer.Encode(text)), Escaped(text));
            }
        });
    }

    [Test]
    public void Words_are_those_of_the_regex()
    {
        Assert.Multiple(() =>
        {
            foreach (string hard in HardStrings.All())
            {
                string text = ByteBpeTokenizer.WithoutLoneSurrogates(hard);
                IEnumerable<string> words = Gpt2PreTokenizer.Instance.PreTokenize(text)
                    .Select(word => text.Substring(word.Offset, word.Length));
                Assert.That(words, Is.EqualTo(BpeReference.Cut(text)), Escaped(text));
            }
        });
    }

    [Test]
    public void Every_string_comes_back()
    {
        Assert.Multiple(() =>
        {
            foreach (string text in HardStrings.All())
            {
                byte[] bytes = Encoding.UTF8.GetBytes(text); // unpaired surrogates become U+FFFD here too
                string valid = Encoding.UTF8.GetString(bytes);
                int[] ids = _tokenizer.Encode(text);
                Assert.That(_tokenizer.DecodeBytes(ids), Is.EqualTo(bytes), Escaped(text));
                Assert.That(_tokenizer.Decode(ids), Is.EqualTo(valid), Escaped(text));
                int[] parsed = _tokenizer.Encode(text, parseSpecial: true);
                Assert.That(_tokenizer.DecodeBytes(parsed), Is.EqualTo(bytes), Escaped(text));
                int ends = text.Split(BpeVocabulary.EndOfText).Length - 1;
                Assert.That(parsed.Count(id => id == 50256), Is.EqualTo(ends));
            }
        });
    }

    [Test]
    public void Special_tokens_are_parsed_only_when_asked()
    {
        Assert.That(_tokenizer.EndOfText, Is.EqualTo(50256));
        Assert.That(_tokenizer.VocabSize, Is.EqualTo(50257));
        Assert.That(_tokenizer.SpecialTokenIds, Is.EqualTo(new[] { 50256 }));
        Assert.That(_tokenizer.Encode("<|endoftext|>", parseSpecial: true), Is.EqualTo(new[] { 50256 }));
        Assert.That(_tokenizer.Encode("Hello<|endoftext|><|endoftext|> world", parseSpecial: true),
            Is.EqualTo(new[] { 15496, 50256, 50256, 995 }));
        Assert.That(_tokenizer.Encode("Hello<|endoftext|>"), Does.Not.Contain(50256));
    }

    [Test]
    public void A_token_that_is_half_a_character_shows_its_bytes()
    {
        int[] ids = _tokenizer.Encode("😀");
        Assert.That(ids, Has.Length.EqualTo(2));
        Assert.That(_tokenizer.TokenText(ids[0]), Is.EqualTo("\\xF0\\x9F\\x98"));
        Assert.That(_tokenizer.TokenText(ids[1]), Is.EqualTo("\\x80"));
        Assert.That(_tokenizer.Decode(ids.AsSpan(0, 1)), Is.EqualTo("\uFFFD"));
        Assert.That(_tokenizer.TokenText(995), Is.EqualTo(" world"));
        Assert.That(_tokenizer.TokenText(50256), Is.EqualTo("<|endoftext|>"));
    }

    [TestCase(50257)]
    [TestCase(int.MaxValue)]
    public void An_id_without_a_token_is_written_as_its_number(int id)
    {
        Assert.That(_tokenizer.Decode([15496, id, 995]), Is.EqualTo($"Hello<id {id}> world"));
        Assert.That(_tokenizer.TokenText(id), Is.EqualTo($"<id {id}>"));
    }

    [TestCase(-1)]
    [TestCase(int.MinValue)]
    public void A_negative_id_is_refused(int id)
    {
        BadInput.Refused(() => _tokenizer.Decode([15496, id]), $"{id}", "50256");
        BadInput.Refused(() => _tokenizer.TokenText(id), $"{id}", "50256");
    }

    [Test]
    public void All_three_sets_of_files_give_the_same_tokenizer()
    {
        using var folder = new TemporaryFolder();
        string gpt2 = SharedData.Require("gpt2-bpe");
        Directory.CreateDirectory(folder["openai"]);
        File.Copy(Path.Combine(gpt2, "vocab.json"), folder["openai/encoder.json"]);
        File.Copy(Path.Combine(gpt2, "merges.txt"), folder["openai/vocab.bpe"]);
        WriteTokenizerJson(folder["pairs/tokenizer.json"], merge => new[] { merge.Left, merge.Right });
        WriteTokenizerJson(folder["strings/tokenizer.json"], merge => $"{merge.Left} {merge.Right}");
        _tokenizer.Vocabulary.Save(folder["saved"]);
        foreach (string name in (string[])["openai", "pairs", "strings", "saved"])
        {
            Assert.That(ByteBpeTokenizer.ExistsIn(folder[name]), name);
            BpeVocabulary read = ByteBpeTokenizer.Load(folder[name]).Vocabulary;
            Assert.That(read.Tokens, Is.EqualTo(_tokenizer.Vocabulary.Tokens), name);
            Assert.That(read.Merges, Is.EqualTo(_tokenizer.Vocabulary.Merges), name);
            Assert.That(read.SpecialTokens, Is.EqualTo(new[] { BpeVocabulary.EndOfText }), name);
        }
    }

    [Test]
    public void A_long_word_takes_seconds_at_most()
    {
        var clock = System.Diagnostics.Stopwatch.StartNew();
        string text = new string('a', 200_000) + "\n\nx" + new string(' ', 200_000)
            + new string('中', 160_000);
        Assert.That(_tokenizer.Decode(_tokenizer.Encode(text)), Is.EqualTo(text));
        Assert.That(clock.Elapsed, Is.LessThan(TimeSpan.FromSeconds(20)));
    }

    void WriteTokenizerJson(string path, Func<(string Left, string Right), object> merge) =>
        AtomicFile.WriteText(path, JsonSerializer.Serialize(new
        {
            version = "1.0",
            added_tokens = new[] { new { id = 50256, content = "<|endoftext|>", special = true } },
            normalizer = (object?)null,
            pre_tokenizer = new { type = "ByteLevel", add_prefix_space = false, trim_offsets = true },
            post_processor = new { type = "ByteLevel", add_prefix_space = true },
            model = new
            {
                type = "BPE",
                dropout = (object?)null,
                continuing_subword_prefix = "",
                end_of_word_suffix = "",
                fuse_unk = false,
                vocab = _tokenizer.Vocabulary.Tokens.Take(50256).Select((token, id) => (token, id))
                    .ToDictionary(t => t.token, t => t.id),
                merges = _tokenizer.Vocabulary.Merges.Select(merge),
            },
        }));

    static string Escaped(string text) =>
        JsonSerializer.Serialize(text.EnumerateRunes().Select(r => $"{r.Value:X}"));
}
