using System.Text;
using HeadTap.Reference;

namespace HeadTap.Models.Tests;

/// <summary>The trainer against hand-made examples and against training by the book.</summary>
sealed class BpeTrainerTests
{
    static readonly string[] EndOfText = [BpeVocabulary.EndOfText];

    [Test]
    public void Hand_computed_merges()
    {
        // Words: "ab", " ab" twice, " abc". (a, b) 4 times, (Ġ, a) 3, (b, c) 1; then (Ġ, ab) 3, (ab, c) 1.
        BpeVocabulary trained = BpeTrainer.Train(["ab ab", "", " ab abc"], 300, EndOfText);
        Assert.That(trained.Merges, Is.EqualTo(new[] { ("a", "b"), ("Ġ", "ab") }));
        Assert.That(trained.Tokens.Skip(256), Is.EqualTo(new[] { "ab", "Ġab", "<|endoftext|>" }));
        Assert.That(trained.SpecialTokens, Is.EqualTo(EndOfText));
    }

    [Test]
    public void Ties_go_to_the_lower_left_id_then_the_lower_right_id()
    {
        // a is token 64, b 65, c 66, d 67, space 220; every pair occurs once.
        BpeVocabulary trained = BpeTrainer.Train(["cd ab", "ac"], 300, [], minimumCount: 1);
        Assert.That(trained.Merges, Is.EqualTo(new[] { ("a", "b"), ("a", "c"), ("c", "d"), ("Ġ", "ab") }));
    }

    [Test]
    public void A_run_counts_overlapping_pairs_and_joins_from_the_left()
    {
        BpeVocabulary trained = BpeTrainer.Train(["aaaaa"], 300, [], minimumCount: 1);
        Assert.That(trained.Merges, Is.EqualTo(new[] { ("a", "a"), ("aa", "a"), ("aa", "aaa") }));
    }

    [Test]
    public void Merges_are_those_of_training_by_the_book()
    {
        var random = new SeededRandom(5);
        for (int round = 0; round < 12; round++)
        {
            string text = RandomText(random, words: 120);
            BpeVocabulary trained = BpeTrainer.Train([text], 256 + 60, [], minimumCount: 1 + round % 3);
            List<(string, string)> expected = BpeTrainerReference.Merges(
                text, 200, 1 + round % 3, trained.Tokens.Take(256), b => ByteAlphabet.Spell(b).ToString());
            Assert.That(trained.Merges, Has.Count.GreaterThan(20));
            Assert.That(trained.Merges, Is.EqualTo(expected.Take(trained.Merges.Count)), $"round {round}");
        }
    }

    [Test]
    public void Two_runs_agree_whatever_the_order_of_the_documents()
    {
        string[] documents =
            [.. Enumerable.Range(0, 30).Select(i => RandomText(new SeededRandom((ulong)i), 50))];
        BpeVocabulary first = BpeTrainer.Train(documents, 400, EndOfText);
        BpeVocabulary second = BpeTrainer.Train(documents.Reverse(), 400, EndOfText);
        Assert.That(first.Tokens, Has.Count.EqualTo(400));
        Assert.That(second.Tokens, Is.EqualTo(first.Tokens));
        Assert.That(second.Merges, Is.EqualTo(first.Merges));
    }

    [Test]
    public void Saved_files_load_and_encode_as_the_textbook_does()
    {
        using var folder = new TemporaryFolder();
        string text = string.Concat(HardStrings.All().Select(ByteBpeTokenizer.WithoutLoneSurrogates));
        BpeVocabulary trained = BpeTrainer.Train([text], 700, ["<|pad|>", BpeVocabulary.EndOfText]);
        trained.Save(folder["saved"]);
        Assert.That(folder.Files(), Has.Length.EqualTo(3));

        ByteBpeTokenizer tokenizer = ByteBpeTokenizer.Load(folder["saved"]);
        Assert.That(tokenizer.VocabSize, Is.EqualTo(700));
        Assert.That(tokenizer.EndOfText, Is.EqualTo(699));
        Assert.That(tokenizer.SpecialTokenIds, Is.EquivalentTo(new[] { 698, 699 }));
        Assert.That(tokenizer.Vocabulary.Tokens, Is.EqualTo(trained.Tokens));
        Assert.That(tokenizer.Vocabulary.Merges, Is.EqualTo(trained.Merges));
        Assert.That(tokenizer.Encode("a<|pad|>b", parseSpecial: true), Has.Member(698));
        var reference = new BpeReference(trained.Tokens, trained.Merges);
        foreach (string hard in HardStrings.All())
        {
            int[] ids = tokenizer.Encode(hard);
            Assert.That(ids, Is.EqualTo(reference.Encode(hard)));
            Assert.That(tokenizer.DecodeBytes(ids), Is.EqualTo(Encoding.UTF8.GetBytes(hard)));
            Assert.That(ids, Has.None.GreaterThan(697));
        }
    }

    [Test]
    public void Trained_tokens_are_used()
    {
        BpeVocabulary trained = BpeTrainer.Train(
            ["The capital of Japan is Tokyo. The capital of France is Paris.", "a<|endoftext|>The capital"],
            290, EndOfText);
        int[] ids = new ByteBpeTokenizer(trained).Encode("The capital of Chad");
        Assert.That(ids, Has.Length.LessThan("The capital of Chad".Length / 2));
        // The separator is no text: nothing was learned from it.
        Assert.That(trained.Tokens.SkipLast(1), Has.None.Contain("<|").And.None.Contain("en"));
    }

    [Test]
    public void Letters_beyond_the_first_plane_belong_to_words()
    {
        // UTF-16 would cut "ab𝒜cd" into three words, and the whole could not be one token.
        BpeVocabulary trained = BpeTrainer.Train(["ab𝒜cd ab𝒜cd"], 400, [], minimumCount: 1);
        Assert.That(new ByteBpeTokenizer(trained).Encode("ab𝒜cd"), Has.Length.EqualTo(1));
    }

    [Test]
    public void Too_little_text_gives_a_smaller_vocabulary_and_too_small_a_size_is_refused()
    {
        Assert.That(BpeTrainer.Train([], 4096, EndOfText).Tokens, Has.Count.EqualTo(257));
        Assert.That(BpeTrainer.Train(["abc"], 4096, EndOfText).Tokens, Has.Count.EqualTo(257));
        Assert.That(BpeTrainer.Train(["abc abc"], 257, EndOfText).Merges, Is.Empty);
        BadInput.Refused(() => BpeTrainer.Train(["abc"], 256, EndOfText), "256", "257");
        BadInput.Refused(() => BpeTrainer.Train(["abc"], int.MinValue, EndOfText), "257");
    }

    [Test]
    public void Text_never_becomes_a_special_token()
    {
        BpeVocabulary trained = BpeTrainer.Train(["xy xy xy"], 300, ["xy!", "xy"]);
        Assert.That(trained.Tokens.Skip(256), Is.EqualTo(new[] { "xy!", "xy" }));
    }

    [Test]
    public void Progress_ends_at_the_size()
    {
        var calls = new List<(int, int)>();
        string text = RandomText(new SeededRandom(1), 300);
        BpeTrainer.Train([text], 280, EndOfText, (done, all) => calls.Add((done, all)));
        Assert.That(calls, Is.Not.Empty);
        Assert.That(calls[^1], Is.EqualTo((280, 280)));
    }

    static string RandomText(SeededRandom random, int words)
    {
        var text = new StringBuilder();
        for (int w = 0; w < words; w++)
        {
            text.Append(' ');
            for (int n = 1 + random.Next(6); n > 0; n--)
                text.Append("aabbcé"[random.Next(6)]);
        }
        return text.ToString();
    }
}
