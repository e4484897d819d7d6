using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Inject.Tests;

/// <summary>Vectors of curated and random memories.</summary>
public sealed class MemoryVectorTests
{
    [Test]
    public void The_layer_encoder_has_a_vector_for_each_layer()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = ReferenceRun.Model(device);
        EncodedPair[] pairs = RandomMemoriesTests.Pairs(2);
        var vectors = new MemoryVectors(new(model, pairs), MemoryEncoder.Layer);
        for (int layer = 0; layer < 2; layer++)
            Assert.That(vectors.Curated(1, layer, 3f), Is.EqualTo(Array.ConvertAll(
                LayerEncoding.Of(model, pairs[1].Memory, layer), v => 3f * v)));
        Assert.That(vectors.Curated(1, 0, 3f), Is.Not.EqualTo(vectors.Curated(1, 1, 3f)));
    }

    [Test]
    public void The_same_norm_is_that_of_the_curated_vector_in_its_own_layer()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = ReferenceRun.Model(device);
        EncodedPair[] pairs = RandomMemoriesTests.Pairs(2);
        var vectors = new MemoryVectors(new(model, pairs), MemoryEncoder.Layer);
        float[] random = vectors.Random(new("a", [5]), 1, new RandomMemoryOptions
        {
            Layer = 0, Tau = 2, SameNorm = true, Placement = RandomPlacement.Published,
        })!;
        double own = Memory.Norm(vectors.Curated(1, 0, 2)), later = Memory.Norm(vectors.Curated(1, 1, 2));
        Assert.That(own, Is.Not.EqualTo(later).Within(1e-3 * own));
        Assert.That(Memory.Norm(random), Is.EqualTo(own).Within(1e-6 * own));
    }

    [Test]
    public void Each_magnitude_has_a_draw_of_its_own()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = ReferenceRun.Model(device);
        EncodedPair[] pairs = RandomMemoriesTests.Pairs(7);
        var words = new MemoryCategory("w",
            [.. Enumerable.Range(0, 20).Select(i => new RandomWord($"{i}", [i]))]);
        IReadOnlyList<DrawnCell> Cells(string name)
        {
            var injections = new RowInjections(model, pairs);
            return DrawnMemories.Run(injections, injections.Before(p => p.Obscure),
                words with { Name = name }, [0, 1], [1f, 4f], new() { Layer = 0, Tau = 1 }, 1).Cells;
        }
        IReadOnlyList<DrawnCell> cells = Cells("w");
        Assert.That(cells.Select(c => string.Join(' ', c.Words)), Is.Unique);
        Assert.That(Cells("v")[0].Words, Is.Not.EqualTo(cells[0].Words), "of each category too");
    }

    [Test]
    public void Neither_special_token_is_drawn()
    {
        ModelConfig config = AtlasFolder.Config with { BosToken = 7, EosToken = 9 };
        Assert.That(MemoryCategory.DrawTokens(9000, AtlasFolder.Tokenizer, config, 3).Words
            .Select(w => w.Tokens[0]).Order(),
            Is.EqualTo(Enumerable.Range(0, config.VocabSize).Where(t => t is not (7 or 9))));
    }

    [Test]
    public void A_count_of_words_is_of_the_first_ones_and_of_bridges_of_any()
    {
        EncodedPair[] pairs = RandomMemoriesTests.Pairs(9);
        Assert.That(MemoryCategory.DrawBridges(4, pairs, 0).Words, Has.Count.EqualTo(4));
        Assert.That(MemoryCategory.DrawBridges(9, pairs, 0).Words.Select(w => w.Text),
            Is.Not.EqualTo(MemoryCategory.DrawBridges(9, pairs, 1).Words.Select(w => w.Text)));
        Assert.That(MemoryCategory.First("w", ["c", "b", "a"], 2, AtlasFolder.Tokenizer, AtlasFolder.Config)
            .Words.Select(w => w.Text), Is.EqualTo(["c", "b"]));
    }

    [Test]
    public void A_suggestion_is_injected_at_the_prompt_and_not_in_what_is_generated()
    {
        var found = new Suggestion(SuggestedMemory.Bridge, 1, 2f, [3], new float[20], 0,
            AnswerStanding.Of(new float[37], 0, 0));
        Edit edit = found.ToEdit();
        Assert.That(edit.Steps, Is.EqualTo([0]));
        Assert.That(edit.Positions.IsLast);
        Assert.That((edit.Site.ToString(), edit.Alpha, edit.Operation),
            Is.EqualTo(("blocks.1.hook_attn_out", 2f, EditOperation.Add)));
    }

    [Test]
    public void A_sweep_takes_up_what_it_has_of_a_pair_only_where_all_of_it_is_the_same()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = ReferenceRun.Model(device);
        EncodedPair first = RandomMemoriesTests.Pairs(1)[0];
        EncodedPair[] others = [first with { Obscure = [1, 2, 3, 4] }, first with { Explicit = [4, 3, 2] },
            first with { Answer = (first.Answer + 1) % 37 }, first with { Memory = [1] }];
        var grid = new SweepGrid { Layers = [1], Taus = [2f] };
        foreach (EncodedPair other in others)
        {
            using var both = new InjectionSweep(model, grid, 12);
            both.Run(first);
            using var alone = new InjectionSweep(model, grid, 12);
            SweptPair found = both.Run(other), expected = alone.Run(other);
            Assert.That((found.Explicit.Probability, found.Obscure.Probability, found.Cells[0]!.Probability),
                Is.EqualTo((expected.Explicit.Probability, expected.Obscure.Probability,
                    expected.Cells[0]!.Probability)));
        }
    }
}
