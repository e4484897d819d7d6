using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Inject.Tests;

/// <summary>What is compared with what, on pairs whose best cells differ by split.</summary>
public sealed class SuggestionEvaluationTests
{
    const ulong Seed = 5;

    static readonly float[] s_taus = [0.5f, 3f];

    static readonly ModelConfig s_config = new()
    {
        VocabSize = 61, ContextLength = 16, Width = 20, Layers = 3, Heads = 4, Inner = 28, BosToken = 60,
        EosToken = 59,
    };

    // Memories that hold the answer's token gain by large magnitudes, others by small ones.
    static readonly EncodedPair[]
        s_helped = [.. Enumerable.Range(0, 6).Select(i => Pair(i, [20 + i], 20 + i))],
        s_harmed = [.. Enumerable.Range(0, 6).Select(i => Pair(i, [40 + i], 20 + i))];

    // Asked of several tests and made once.
    static readonly Lazy<SuggestionEvaluation> s_found = new(() =>
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = Model(device);
        return Run(model, Seed);
    });

    [Test]
    public void The_cell_for_all_is_the_validation_pairs_best_and_each_pairs_best_is_its_own()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = Model(device);
        FixedCells validation = FixedCells.Run(model, s_helped, s_taus),
            test = FixedCells.Run(model, s_harmed, s_taus);
        Assert.That(validation.Best, Is.Not.EqualTo(test.Best), "the splits can be told apart");
        SuggestionEvaluation found = s_found.Value;
        Assert.That(found.Cell, Is.EqualTo(validation.Cells[validation.Best]));
        Assert.That(Probabilities(found.Results[1]), Is.EqualTo(
            test.After[validation.Best].Select(a => a.Probability)));
        for (int pair = 0; pair < s_harmed.Length; pair++)
            Assert.That(Probabilities(found.Results[2])[pair],
                Is.EqualTo(test.After.Max(cell => cell[pair].Probability)));
    }

    [Test]
    public void The_other_layers_are_drawn_by_the_seed_and_where_both_lists_share_least()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = Model(device);
        var search = new HopSearch(model, s_harmed);
        SuggestionEvaluation found = s_found.Value, again = Run(model, Seed), other = Run(model, Seed + 1);
        Assert.That(Probabilities(found.Results[3]), Is.EqualTo(Probabilities(again.Results[3])));
        Assert.That(Probabilities(found.Results[3]), Is.Not.EqualTo(Probabilities(other.Results[3])));
        int[] apart = [.. s_harmed.Select((p, i) => PairComparison.Of(
            model, search.Single[i], search.Multi[i], p.Memory, null, 20)
            .Layers.MinBy(l => l.Jaccard)!.Layer)];
        Assert.That(Probabilities(found.Results[4]), Is.EqualTo(
            search.Suggest(SuggestedMemory.Difference, apart, 4).Select(s => s.Answer.Probability)));
        Assert.That(found.Agreement, Is.EqualTo(
            apart.Zip(found.Hops).Count(l => l.First == l.Second.Layer) / (double)s_harmed.Length));
    }

    [Test]
    public void The_closest_is_that_of_least_divergence_and_never_the_difference_itself()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = Model(device);
        SuggestionEvaluation found = s_found.Value;
        var search = new HopSearch(model, s_harmed);
        int[] failing = [.. found.Hops.Select(h => h.Layer)];
        IReadOnlyList<Suggestion>[] kinds = [.. Enum.GetValues<SuggestedMemory>()
            .Where(k => k != SuggestedMemory.Difference).Select(k => search.Suggest(k, failing, 4))];
        Assert.That(Probabilities(found.Results[^1]), Is.EqualTo(Enumerable.Range(0, s_harmed.Length)
            .Select(i => kinds.MinBy(k => k[i].Divergence)![i].Answer.Probability)));
        Assert.That(found.Results.Select(r => r.Name).Skip(5), Is.EqualTo(
        [
            "suggested: difference", "suggested: bridge-layer", "suggested: bridge",
            "suggested: difference-tokens", "suggested: explicit-tokens",
            "suggested: the closest but the difference",
        ]));
    }

    [Test]
    public void Pairs_about_one_entity_are_drawn_together()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = Model(device);
        EncodedPair[] same = [.. s_harmed.Select(p => p with { Pair = p.Pair with { Bridge = "one" } })];
        SuggestionResult alone = Run(model, Seed, same).Results[1], apart = s_found.Value.Results[1];
        Assert.That(alone.MeanAfter.Low, Is.NaN, "one entity has no spread");
        Assert.That(apart.MeanAfter.Low, Is.LessThan(apart.MeanAfter.High));
        Assert.That(alone.Gain.MeanAfter, Is.EqualTo(apart.Gain.MeanAfter));
    }

    static SuggestionEvaluation Run(LanguageModel model, ulong seed, EncodedPair[]? test = null)
        => SuggestionEvaluation.Run(model, s_helped, test ?? s_harmed, s_taus, 4, seed);

    static double[] Probabilities(SuggestionResult result) => [.. result.After.Select(a => a.Probability)];

    static LanguageModel Model(ComputeDevice device)
    {
        var model = new LanguageModel(device, s_config);
        model.Initialize(9, 0.2f);
        return model;
    }

    static EncodedPair Pair(int i, int[] memory, int answer) => new(
        new($"single {i}", $"multi {i}", $"bridge {i}", $"answer {i}"), [60, 4 + i, 2, 8],
        [60, 11 + i, 9, 2, 8], memory, answer, 0..0);
}
