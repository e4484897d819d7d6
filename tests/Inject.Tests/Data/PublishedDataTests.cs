using HeadTap.Models;

namespace HeadTap.Inject.Tests;

/// <summary>The published files: the counts and quirks that the published numbers rest on.</summary>
public sealed class PublishedDataTests
{
    [Test]
    public void The_handwritten_set_keeps_its_counts_and_quirks()
    {
        PromptPairs hand = PromptPairs.Read(
            SharedData.Require("data", "handwritten_obscure_explicit_data.csv"));
        Assert.That(hand, Has.Count.EqualTo(106));
        Assert.That(hand.Select(p => p.Answer).Distinct().Count(), Is.EqualTo(102));
        Assert.That(hand.Average(p => Words(p.Explicit)), Is.EqualTo(8.11).Within(0.005));
        Assert.That(hand.Average(p => Words(p.Obscure)), Is.EqualTo(11.62).Within(0.005));
        Assert.That(hand[2], Is.EqualTo(new PromptPair("St. Peter's Basilica is in the city of",
            "The biggest church in the world is in the city of", "St. Peter's Basilica", "Rome")
        {
            ObscureEntity = "The biggest church in the world",
        }));
        Assert.That(hand[31].Explicit, Does.StartWith("Después").And.Not.Contain(hand[31].Bridge));
        Assert.That(Where(hand, p => p.Bridge.EndsWith(' ')), Is.EqualTo([39]));
        Assert.That(Where(hand, p => p.Obscure.EndsWith(' ')), Is.EqualTo([103]));
        Assert.That(hand[39].Memory, Does.EndWith("Laboratory "));
    }

    [Test]
    public void The_hundred_and_the_thousand_agree_where_they_overlap()
    {
        PromptPairs small = PromptPairs.Read(SharedData.Require("data", "multi_hop_100.csv")),
            large = PromptPairs.Read(SharedData.Require("data", "multi_hop_1000.csv"));
        Assert.That((small.Count, large.Count), Is.EqualTo((100, 1000)));
        Assert.That(large.Select(p => p.Answer).Distinct().Count(), Is.EqualTo(729));
        // The hundred has a space before this one entity, so it injects other tokens.
        Assert.That((small[95].Bridge, large[95].Bridge), Is.EqualTo((" Echigues", "Echigues")));
        Assert.That(Where(small, p => p.Bridge.StartsWith(' ')), Is.EqualTo([95]));
        PromptPair[] trimmed = [.. small.Select(p =>
            p with { Bridge = p.Bridge.Trim(), Memory = p.Memory.Trim() })];
        Assert.That(trimmed, Is.EqualTo(large.Take(100)));
        Assert.That(large[0], Is.EqualTo(new PromptPair("The country of citizenship of Jaap Speyer is",
            "The country of citizenship of the director of Lilli's Marriage is", "Jaap Speyer", "Dutch")
        {
            ObscureEntity = "the director of Lilli's Marriage",
        }));
        foreach (PromptPair pair in large)
            Assert.That(pair.Obscure.ToUpperInvariant(),
                Does.Contain(pair.ObscureEntity.ToUpperInvariant()));
    }

    [TestCase("top-5000", 5050), TestCase("nouns", 2635), TestCase("verbs", 969)]
    [TestCase("adjectives", 824), TestCase("adverbs", 331), TestCase("conjunctions", 40)]
    public void The_word_lists_have_their_lengths(string category, int count)
    {
        IReadOnlyList<string> words =
            WordList.Read(SharedData.Require("data", "top_word_types.csv"), category);
        Assert.That(words, Has.Count.EqualTo(count));
        Assert.That(words[0], Is.AnyOf("the", "time", "be", "other", "so", "and"));
        if (category == "top-5000")
            Assert.That(words.Take(40).Distinct().Count(), Is.EqualTo(38));
    }

    // Rows 23, 45 and 62 of the handwritten set name an entity that their prompt does not spell.
    [TestCase("handwritten_obscure_explicit_data.csv", 103), TestCase("multi_hop_1000.csv", 1000)]
    public void GPT2_reads_every_pair_and_finds_its_entity(string file, int found)
    {
        ByteBpeTokenizer tokenizer = ByteBpeTokenizer.Load(SharedData.Require("..", "gpt2-bpe"));
        PromptPairs pairs = PromptPairs.Read(SharedData.Require("data", file));
        EncodedPair[] encoded = [.. pairs.Select((p, i) =>
            EncodedPair.Of(p, tokenizer, Gpt2.Small, 50256, pairs.Place(i)))];
        Assert.That(encoded.Select(p => p.Obscure[0]), Is.All.EqualTo(50256));
        Assert.That(encoded.Count(p => p.Obscure[p.Entity].Length > 0), Is.EqualTo(found));
    }

    static int Words(string text) => text.Split(' ', StringSplitOptions.RemoveEmptyEntries).Length;

    static int[] Where(PromptPairs pairs, Func<PromptPair, bool> belongs) =>
        [.. Enumerable.Range(0, pairs.Count).Where(i => belongs(pairs[i]))];
}
