using HeadTap.Models;

namespace HeadTap.Inject;

/// <summary>Results of one method of choosing memories on the test pairs.</summary>
/// <param name="Name">Name of the method in results.</param>
/// <param name="After">[pairs]: probability and rank of the answers.</param>
/// <param name="Gain">Statistics over the pairs.</param>
/// <param name="MeanAfter">95 % interval of the mean probability of the answers.</param>
/// <param name="First">Share of pairs whose answer is the most probable token, 0 to 1.</param>
/// <param name="FirstInterval">95 % interval of that share.</param>
public sealed record SuggestionResult(string Name, IReadOnlyList<AnswerStanding> After, GainSummary Gain,
    Interval MeanAfter, double First, Interval FirstInterval);

/// <summary>
/// Compares suggested memories with one cell for all pairs, with the best cell of each pair, and with other
/// layers.
/// </summary>
/// <param name="Cell">Cell for all pairs, chosen on the validation pairs.</param>
/// <param name="Hops">[test pairs]: failing hop that the search found.</param>
/// <param name="Agreement">Share of pairs where comparing the two prompts without injecting gives the same
/// layer as the search.</param>
/// <param name="Results">Results per method; the first has nothing injected.</param>
public sealed record SuggestionEvaluation(SweepCell Cell, IReadOnlyList<FailingHop> Hops, double Agreement,
    IReadOnlyList<SuggestionResult> Results)
{
    const ulong LayerStream = 1, BootstrapStream = 2;

    /// <summary>Chooses a cell on validation pairs and evaluates all methods on test pairs.</summary>
    /// <param name="model">Model that runs the prompts.</param>
    /// <param name="validation">Pairs on which the fixed cell is chosen.</param>
    /// <param name="test">Pairs on which results are reported.</param>
    /// <param name="taus">Magnitudes of the fixed cells to try.</param>
    /// <param name="count">Number of tokens, for memories that are lists of tokens.</param>
    /// <param name="seed">Seed for the random layers and the bootstrap.</param>
    /// <param name="progress">Callback that gets the name of the current step and the share done, 0 to
    /// 1.</param>
    /// <param name="lens">Folder of a Jacobian lens, as for <see cref="HopSearch"/>; null for none.</param>
    public static SuggestionEvaluation Run(LanguageModel model, IReadOnlyList<EncodedPair> validation,
        IReadOnlyList<EncodedPair> test, IReadOnlyList<float> taus, int count, ulong seed,
        Action<string, double>? progress = null, string? lens = null)
    {
        ArgumentNullException.ThrowIfNull(test);
        FixedCells chosen = FixedCells.Run(
            model, validation, taus, s => progress?.Invoke("validation", s / 3), lens);
        FixedCells cells = FixedCells.Run(
            model, test, taus, s => progress?.Invoke("test", (1 + s) / 3), lens);
        SweepCell cell = chosen.Cells[chosen.Best];
        progress?.Invoke("failing hops", 2.0 / 3);
        var search = new HopSearch(model, test, lens);
        IReadOnlyList<FailingHop> hops = search.Find();
        int[] failing = [.. hops.Select(h => h.Layer)], compared = Compared(model, search, test);
        var random = new SeededRandom(seed, LayerStream);
        int[] drawn = [.. test.Select(_ => random.Next(model.Config.Layers))];
        var summary = new Summary(test, search.Before, seed);
        List<SuggestionResult> results =
        [
            summary.Of("nothing injected", search.Before),
            summary.Of("bridge at one cell for all", cells.After[chosen.Best]),
            summary.Of("bridge at the best cell of each pair (by the answer)",
                [.. test.Select((_, pair) => cells.After[cells.BestOf(pair)][pair])]),
            summary.Of("difference in a random layer", Answers(SuggestedMemory.Difference, drawn)),
            summary.Of("difference where both lists differ most",
                Answers(SuggestedMemory.Difference, compared)),
        ];
        var all = new List<IReadOnlyList<Suggestion>>();
        foreach (SuggestedMemory kind in Enum.GetValues<SuggestedMemory>())
        {
            if (kind == SuggestedMemory.BridgeLayer && model.BeginOfText is null)
                continue;
            IReadOnlyList<Suggestion> found = search.Suggest(kind, failing, count);
            results.Add(summary.Of($"suggested: {Suggestion.Word(kind)}", [.. found.Select(s => s.Answer)]));
            if (kind != SuggestedMemory.Difference)
                all.Add(found);
            progress?.Invoke("suggestions", 1 - 1.0 / (3 + all.Count));
        }
        results.Add(summary.Of("suggested: the closest but the difference", [.. test.Select((_, pair) =>
            all.Select(kind => kind[pair]).MinBy(s => s.Divergence)!.Answer)]));
        return new(cell, hops, (double)failing.Zip(compared).Count(l => l.First == l.Second) / test.Count,
            results);

        AnswerStanding[] Answers(SuggestedMemory kind, int[] layers)
            => [.. search.Suggest(kind, layers, count).Select(s => s.Answer)];
    }

    // Chooses a layer without injecting: the one whose token lists overlap least. Signals tried on the
    // validation pairs of the atlas (overlap, cosine, length, the bridge's rank by layer and by head) are
    // weak: the difference gives a mean p of 54 to 63 % in these layers, and 89 % in the layer of the search.
    static int[] Compared(LanguageModel model, HopSearch search, IReadOnlyList<EncodedPair> pairs)
        => [.. pairs.Select((pair, i) => PairComparison.Of(model, search.Single[i], search.Multi[i],
            pair.Memory, null, Math.Min(20, model.Config.VocabSize), search.Jacobians)
            .Layers.MinBy(p => p.Jaccard)!.Layer)];

    // Pairs about one entity are not independent, so the bootstrap draws entities, each with all its pairs.
    sealed class Summary(IReadOnlyList<EncodedPair> pairs, IReadOnlyList<AnswerStanding> before, ulong seed)
    {
        readonly int[][] _entities = PairedBootstrap.Groups(pairs.Select(p => p.Pair.Bridge));

        internal SuggestionResult Of(string name, IReadOnlyList<AnswerStanding> after) => new(name, after,
            GainSummary.Of([.. before.Select(b => b.Probability)], [.. after.Select(a => a.Probability)],
                [.. before.Select(b => b.Rank)], [.. after.Select(a => a.Rank)]),
            Between(i => after[i].Probability), after.Average(a => a.Rank == 1 ? 1.0 : 0),
            Between(i => after[i].Rank == 1 ? 1 : 0));

        Interval Between(Func<int, double> value) => Bootstrap.Of(_entities.Length,
            drawn => drawn.SelectMany(entity => _entities[entity]).Average(value),
            new SeededRandom(seed, BootstrapStream));
    }
}
