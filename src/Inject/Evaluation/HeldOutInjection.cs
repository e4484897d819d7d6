using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Inject;

/// <summary>Options of an evaluation on held-out pairs.</summary>
public sealed record HeldOutOptions
{
    /// <summary>Cells to choose from.</summary>
    public required SweepGrid Grid { get; init; }

    /// <summary>Measure by which the best cell is chosen.</summary>
    public required SweepChoice Choice { get; init; }

    /// <summary>Number of random memories per kind and pair; at least 1.</summary>
    public int Draws { get; init; } = 5;

    /// <summary>Seed for random memories and the bootstrap.</summary>
    public ulong Seed { get; init; }

    /// <summary>Number of bootstrap resamples.</summary>
    public int Resamples { get; init; } = 2000;
}

/// <summary>
/// Results of memories on held-out pairs: the cell is chosen on one part of the data and measured on another,
/// with random memories for comparison; each has the length of the pair's own memory.
/// </summary>
/// <param name="Chosen">The chosen cell, with its results on the validation pairs.</param>
/// <param name="Probability">[pairs]: probability of the answer after the multi-hop prompt, nothing
/// injected.</param>
/// <param name="ExplicitProbability">Mean probability of the answer after the single-hop prompts.</param>
/// <param name="First">Number of pairs whose answer is the most probable token, nothing injected.</param>
/// <param name="Outcomes">Outcome of the pairs' own memories, then of random memories by kind.</param>
public sealed record HeldOutInjection(CellSummary Chosen, double[] Probability, double ExplicitProbability,
    int First, IReadOnlyList<MemoryOutcome> Outcomes)
{
    /// <summary>
    /// Chooses the best cell on <paramref name="validation"/> and measures it on <paramref name="test"/>.
    /// </summary>
    /// <param name="model">The model; no edits may be attached.</param>
    /// <param name="validation">Pairs on which the cell is chosen.</param>
    /// <param name="test">Pairs on which the cell is measured.</param>
    /// <param name="options">Cells, measure and random draws.</param>
    /// <param name="progress">Callback that gets the share done, 0 to 1.</param>
    /// <exception cref="UserException">The grid does not fit the model, or there are too few
    /// pairs.</exception>
    public static HeldOutInjection Run(LanguageModel model, IReadOnlyList<EncodedPair> validation,
        IReadOnlyList<EncodedPair> test, HeldOutOptions options, Action<double>? progress = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        RequireEnough(validation, test, options.Grid);
        CellSummary chosen = Choose(model, validation, options, share => progress?.Invoke(share / 2));
        SweepGrid one = options.Grid with
        {
            Layers = [chosen.Cell.Layer], Taus = [chosen.Cell.Tau], Encoders = [chosen.Cell.Encoder],
            Positions = [chosen.Cell.Positions],
        };
        RandomMemoryKind[] kinds = [RandomMemoryKind.OtherBridge, RandomMemoryKind.RandomTokens];
        var own = new List<SweptPair>();
        var bridges = new List<string>();
        List<SweptPair>[,] random = new List<SweptPair>[kinds.Length, options.Draws];
        var draw = new SeededRandom(options.Seed);
        using var sweep = new InjectionSweep(model, one, EncodedPair.LongestPrompt(test));
        for (int i = 0; i < test.Count; i++)
        {
            EncodedPair pair = test[i];
            SweptPair swept = sweep.Run(pair);
            if (swept.Cells[0] is null)
                continue; // the cell's positions do not exist in this prompt
            own.Add(swept);
            bridges.Add(pair.Pair.Bridge);
            for (int k = 0; k < kinds.Length; k++)
                for (int d = 0; d < options.Draws; d++)
                    (random[k, d] ??= []).Add(sweep.Run(
                        pair with { Memory = kinds[k].Draw(pair, test, model.Config, draw) }, pair.Memory));
            progress?.Invoke(0.5 + 0.5 * (i + 1) / test.Count);
        }
        return Summarise(chosen, own, PairedBootstrap.Groups(bridges), kinds, random, options);
    }

    /// <summary>Checks, before any work, that there are enough pairs.</summary>
    /// <exception cref="UserException">There are too few pairs, different memories or prompts that have the
    /// grid's positions.</exception>
    public static void RequireEnough(
        IReadOnlyList<EncodedPair> validation, IReadOnlyList<EncodedPair> test, SweepGrid grid)
    {
        if (validation.Count == 0 || test.Count < 2)
            throw new UserException($"{Counted.Of(validation.Count, "pair")} to choose a cell and "
                + $"{test.Count} to measure it on; expected at least one and two");
        if (test.All(p => p.Memory.SequenceEqual(test[0].Memory)))
            throw new UserException("all pairs to measure on have one memory; expected others to draw from");
        if (grid.Positions.Contains(MemoryPositions.Entity)
            && (test.Count(p => p.HasEntity) < 2 || !validation.Any(p => p.HasEntity)))
            throw new UserException(
                "too few prompts contain their obscure_entity; leave position entity out");
    }

    static CellSummary Choose(LanguageModel model, IReadOnlyList<EncodedPair> validation,
        HeldOutOptions options,
        Action<double> progress)
    {
        using var sweep = new InjectionSweep(model, options.Grid, EncodedPair.LongestPrompt(validation));
        var rows = new List<(SweptPrompt, IReadOnlyList<SweptCell>)>();
        for (int i = 0; i < validation.Count; i++)
        {
            SweptPair swept = sweep.Run(validation[i]);
            rows.Add((SweptPrompt.Of(i, validation[i], swept),
                [.. options.Grid.Cells.Select((cell, c) => SweptCell.Of(i, cell, swept.Cells[c]))]));
            progress((i + 1.0) / validation.Count);
        }
        return SweepSummary.Of(options.Grid, rows).Best(options.Choice);
    }

    static HeldOutInjection Summarise(CellSummary chosen, List<SweptPair> own, int[][] groups,
        RandomMemoryKind[] kinds, List<SweptPair>[,] random, HeldOutOptions options)
    {
        AnswerStanding[] before = [.. own.Select(s => s.Obscure)];
        var bootstrap = new SeededRandom(options.Seed, 1);
        MemoryOutcome Outcome(string name, IEnumerable<List<SweptPair>> draws) => MemoryOutcome.Of(
            name, before,
            [.. draws.Select(d => (IReadOnlyList<AnswerStanding>)[.. d.Select(s => s.Cells[0]!)])],
            groups, bootstrap, options.Resamples);
        return new(chosen, [.. before.Select(b => b.Probability)],
            own.Average(s => s.Explicit.Probability), before.Count(b => b.Rank == 1),
            [
                Outcome("the pair's memory", [own]),
                .. kinds.Select((kind, k) => Outcome(
                    kind.Name, Enumerable.Range(0, options.Draws).Select(d => random[k, d]))),
            ]);
    }
}
