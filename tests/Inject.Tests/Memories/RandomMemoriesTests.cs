using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Inject.Tests;

public sealed class RandomMemoriesTests
{
    [Test]
    public void A_row_with_its_own_vector_has_the_bits_of_an_injection_alone()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = ReferenceRun.Model(device);
        EncodedPair[] pairs = Pairs(40); // more than one pass
        var injections = new RowInjections(model, pairs);
        AnswerStanding[] before = injections.Before(p => p.Obscure);
        AnswerStanding?[][] after = injections.After(1, 2, (pair, variant) => pair == 3 && variant == 0 ? null
            : Array.ConvertAll(new Memory(pairs[pair].Memory, 1, 1f).Vector(model), v => (1 + variant) * v));
        Assert.That(after[0][3], Is.Null);
        for (int i = 0; i < pairs.Length; i++)
            for (int variant = 0; variant < 2; variant++)
            {
                Injection alone = Injection.Run(model, pairs[i].Obscure, pairs[i].Answer,
                    [new Memory(pairs[i].Memory, 1, 1 + variant)], 0);
                Assert.That(before[i].Probability, Is.EqualTo(alone.Before.Probability));
                if (i != 3 || variant != 0)
                    Assert.That(after[variant][i]!.Probability, Is.EqualTo(alone.After.Probability), $"{i}");
            }
        Assert.That(model.Edits, Is.Empty);
    }

    [Test]
    public void A_category_is_the_mean_over_its_words_and_a_pairs_own_memory_is_left_out()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = ReferenceRun.Model(device);
        EncodedPair[] pairs = Pairs(9);
        var words = new MemoryCategory("w", [new("a", [5]), new("own", pairs[4].Memory), new("b", [6, 2])]);
        RandomMemories found = RandomMemories.Run(new(model, pairs), [words],
            new RandomMemoryOptions { Layer = 1, Tau = 2 });
        CategoryGain category = found.Categories[0];
        Assert.That(category.Words[1].After[4], Is.Null);
        Assert.That(category.Words.Sum(w => w.After.Count(a => a is null)), Is.EqualTo(1));
        Assert.That(category.TrimmedMean,
            Is.EqualTo(category.Words.Sum(w => w.Gain.TrimmedMean) / 3).Within(1e-12));
        Assert.That(category.Words[2].After[7]!.Probability, Is.EqualTo(
            Injection.Run(model, pairs[7].Obscure, pairs[7].Answer,
                [new Memory([6, 2], 1, 2)]).After.Probability));
        Assert.That(found.Curated.After[7]!.Probability, Is.EqualTo(
            Injection.Run(model, pairs[7].Obscure, pairs[7].Answer,
                [new Memory(pairs[7].Memory, 1, 2)]).After.Probability));
    }

    [Test]
    public void Published_placement_puts_random_memories_one_layer_later_and_leaves_the_curated_ones()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = ReferenceRun.Model(device);
        EncodedPair[] pairs = Pairs(5);
        RandomMemories Run(int layer, RandomPlacement placement) => RandomMemories.Run(new(model, pairs),
            [new("w", [new("a", [5])])], new() { Layer = layer, Tau = 2, Placement = placement });
        RandomMemories published = Run(0, RandomPlacement.Published);
        Assert.That(Probabilities(published.Categories[0].Words[0]),
            Is.EqualTo(Probabilities(Run(1, RandomPlacement.Corrected).Categories[0].Words[0])));
        Assert.That(Probabilities(published.Curated),
            Is.EqualTo(Probabilities(Run(0, RandomPlacement.Corrected).Curated)));
        Assert.That(() => Run(1, RandomPlacement.Published),
            Throws.TypeOf<UserException>().With.Message.Contains("0 to 0"));
    }

    [TestCase(MemoryEncoder.Unembed), TestCase(MemoryEncoder.Layer)]
    public void The_same_norm_gives_every_random_vector_the_length_of_the_curated_one(MemoryEncoder encoder)
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = ReferenceRun.Model(device);
        EncodedPair[] pairs = Pairs(3);
        var vectors = new MemoryVectors(new(model, pairs), encoder);
        var options = new RandomMemoryOptions { Layer = 0, Tau = 2, SameNorm = true };
        double own = Memory.Norm(vectors.Curated(1, 0, 2));
        float[] random = vectors.Random(new("a", [5]), 1, options)!,
            plain = vectors.Random(new("a", [5]), 1, options with { SameNorm = false })!;
        Assert.That(Memory.Norm(random), Is.EqualTo(own).Within(1e-6 * own));
        Assert.That(Memory.Norm(plain), Is.Not.EqualTo(own).Within(1e-5 * own));
        Assert.That(PlaceComparison.CosineOf(random, plain), Is.EqualTo(1).Within(1e-6));
    }

    [Test]
    public void Draws_come_from_the_seed_each_once_without_begin_of_text()
    {
        MemoryCategory tokens = MemoryCategory.DrawTokens(50, AtlasFolder.Tokenizer, AtlasFolder.Config, 3);
        int[] ids = [.. tokens.Words.Select(w => w.Tokens[0])];
        Assert.That(ids, Is.Unique.And.Length.EqualTo(50));
        int[] all = [.. MemoryCategory.DrawTokens(9000, AtlasFolder.Tokenizer, AtlasFolder.Config, 3).Words
            .Select(w => w.Tokens[0])];
        Assert.That(all, Does.Not.Contain(AtlasFolder.Config.BosToken).And.Length.EqualTo(2539));
        Assert.That(MemoryCategory.DrawTokens(50, AtlasFolder.Tokenizer, AtlasFolder.Config, 3).Words
            .Select(w => w.Tokens[0]), Is.EqualTo(ids));
        Assert.That(MemoryCategory.DrawTokens(50, AtlasFolder.Tokenizer, AtlasFolder.Config, 4).Words
            .Select(w => w.Tokens[0]), Is.Not.EqualTo(ids));
        EncodedPair[] pairs = [.. Pairs(6), .. Pairs(6)];
        Assert.That(MemoryCategory.DrawBridges(40, pairs, 0).Words.Select(w => w.Text),
            Is.Unique.And.EquivalentTo(pairs.Select(p => p.Pair.Memory).Distinct()));
        MemoryCategory first = MemoryCategory.First(
            "w", ["a", "b", "a", "c"], 3, AtlasFolder.Tokenizer, AtlasFolder.Config);
        Assert.That(first.Words.Select(w => w.Text), Is.EqualTo(["a", "b"]));
    }

    [Test]
    public void A_drawn_memory_depends_on_the_seed_and_its_pair_alone()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = ReferenceRun.Model(device);
        EncodedPair[] pairs = Pairs(7);
        var words = new MemoryCategory("w",
            [.. Enumerable.Range(0, 20).Select(i => new RandomWord($"{i}", [i]))]);
        DrawnMemories Run(EncodedPair[] of, ulong seed)
        {
            var injections = new RowInjections(model, of);
            return DrawnMemories.Run(injections, injections.Before(p => p.Obscure), words, [0, 1], [1f, 4f],
                new() { Layer = 0, Tau = 1 }, seed);
        }
        DrawnMemories found = Run(pairs, 1), fewer = Run(pairs[..4], 1);
        Assert.That(found.Cells.Select(c => (c.Layer, c.Tau)),
            Is.EqualTo(((int, float)[])[(0, 1f), (0, 4f), (1, 1f), (1, 4f)]));
        Assert.That(found.Cells.SelectMany(c => c.Words).Distinct().Count(), Is.GreaterThan(10));
        for (int cell = 0; cell < 4; cell++)
            Assert.That(fewer.Cells[cell].Words, Is.EqualTo(found.Cells[cell].Words.Take(4)));
        Assert.That(Run(pairs, 2).Cells[0].Words, Is.Not.EqualTo(found.Cells[0].Words));
        DrawnCell last = found.Cells[3];
        int token = int.Parse(last.Words[5]);
        Assert.That(last.After[5]!.Probability, Is.EqualTo(
            Injection.Run(model, pairs[5].Obscure, pairs[5].Answer,
                [new Memory([token], 1, 4f)]).After.Probability));
    }

    internal static EncodedPair[] Pairs(int count)
    {
        var random = new SeededRandom(9);
        int[] Tokens(int n) => [.. Enumerable.Range(0, n).Select(_ => random.Next(36))];
        return [.. Enumerable.Range(0, count).Select(i =>
        {
            int[] memory = Tokens(1 + i % 3);
            return new EncodedPair(new PromptPair("", "", $"bridge {i}", "") { Memory = $" {i}" },
                Tokens(2 + i % 4), Tokens(3 + i % 7), memory, random.Next(36), 0..0);
        })];
    }

    static double[] Probabilities(InjectedWord word) => [.. word.After.Select(a => a!.Probability)];
}
