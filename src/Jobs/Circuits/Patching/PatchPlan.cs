using HeadTap.Circuits;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>What a call of <see cref="PatchJob"/> asks for, checked before the weights are read.</summary>
/// <param name="Data">Model and pairs.</param>
/// <param name="Corruption">How corrupted runs are made.</param>
/// <param name="Direction">Which run is patched.</param>
/// <param name="Kind">What is measured.</param>
/// <param name="Grid">Cells of activation patching; null for paths.</param>
/// <param name="Paths">Cells of path patching; null for activations.</param>
sealed record PatchPlan(ContrastData Data, PatchCorruption Corruption, PatchDirection Direction,
    MetricKind Kind, PatchGrid? Grid, PathGrid? Paths)
{
    /// <summary>Tokens of the longest prompt that is run.</summary>
    internal int MaxTokens => Data.Pairs.Max(pair => Math.Max(pair.Clean.Length,
        Corruption.IsGiven ? pair.Corrupt!.Length : 0));

    /// <summary>Reads the options, the pairs and the files of prompts.</summary>
    /// <exception cref="UserException">Options contradict each other, or do not fit a pair or the
    /// model.</exception>
    internal static PatchPlan Read(PatchOptions options, JobContext context)
    {
        PatchDirection direction = PatchWords.Direction(options.Direction);
        MetricKind? asked = options.Metric is { } word ? PatchWords.Metric(word) : null;
        if (options.BatchRows is < 1)
            throw new UserException(
                $"{Field.Of(nameof(options.BatchRows))} is {options.BatchRows}; expected 1 or more");
        ContrastData data = (options.Contrast with
        {
            CleanIsEnough = PatchCorruption.IsDrawn(options),
        }).Read(context);
        PatchCorruption corruption = PatchCorruption.Read(options, data);
        MetricKind kind = asked ?? data.UsualMetric();
        (PatchGrid? grid, PathGrid? paths) = options.From is null && options.To is null
            ? (GridOf(options, data.Config), (PathGrid?)null) : (null, PathPlan.Read(options, data.Config));
        if (options.FromEnd && grid is not { HasPositions: true })
            throw new UserException(
                $"{Field.Of(nameof(options.FromEnd))} without cells by position; leave it out");
        var plan = new PatchPlan(data, corruption, direction, kind, grid, paths);
        plan.Validate(options.FromEnd);
        return plan;
    }

    /// <summary>What is measured of a pair.</summary>
    internal AnswerMetric MetricOf(ContrastPair pair) => new(Kind, pair.Answer, pair.Wrong);

    /// <summary>Opens the sessions that run the plan.</summary>
    internal IPatching Open(LanguageModel model, int? rowsInPass) => Grid is not null
        ? new PatchSweep(model, Grid, MaxTokens, rowsInPass)
        : new PathSweep(model, Paths!, MaxTokens, rowsInPass);

    static PatchGrid GridOf(PatchOptions options, ModelConfig config)
    {
        if (options.Freeze is not null)
            throw new UserException($"{Field.Of(nameof(options.Freeze))} belongs to paths; expected "
                + $"{Field.Of(nameof(options.From))} and {Field.Of(nameof(options.To))} too");
        SiteKind kind = PatchWords.Site(options.At);
        PatchAxis axis = PatchWords.Axis(
            options.By ?? (options.Neurons is null ? null : PatchWords.Of(PatchAxis.Neuron)), kind);
        var grid = new PatchGrid
        {
            Kind = kind,
            Axis = axis,
            Layers = options.Layers is { } layers ? PatchWords.Numbers(nameof(options.Layers), layers)
                : [.. Enumerable.Range(0, config.Layers)],
            Positions = options.Positions is { } positions
                ? PatchWords.Numbers(nameof(options.Positions), positions, negative: true) : null,
            Neurons = options.Neurons is { } neurons
                ? PatchWords.Numbers(nameof(options.Neurons), neurons) : null,
        };
        grid.Validate(config);
        return grid;
    }

    void Validate(bool fromEnd)
    {
        foreach (ContrastPair pair in Data.Pairs)
        {
            try
            {
                MetricOf(pair).Validate(Data.Config.VocabSize);
                Corruption.Validate(pair);
                if (Corruption.IsGiven && pair.Corrupt!.AsSpan().SequenceEqual(pair.Clean))
                    throw new UserException($"{pair.Place}: the clean and the corrupted prompt are the same "
                        + "tokens; expected prompts that differ");
                if (Paths is not null && Corruption.HasOtherPositions(pair))
                    throw new UserException("paths need prompts of one length, each position with itself; "
                        + $"leave {Field.Of(nameof(PatchOptions.Align))} out");
                Grid?.ValidateFor(Corruption.PositionsOf(pair), Direction, pair.Clean.Length,
                    Corruption.IsGiven ? pair.Corrupt!.Length : pair.Clean.Length);
            }
            catch (UserException e) when (Data.File is not null
                && !e.Message.Contains(pair.Place, StringComparison.Ordinal))
            {
                throw new UserException($"{pair.Place}: {e.Message}", e);
            }
        }
        ContrastPair first = Data.Pairs[0];
        if (Grid is not { HasPositions: true } || fromEnd)
            return;
        Data.RequireOneLength(nameof(PatchOptions.FromEnd), "cells by layer or head");
        int[] places = Patched(first);
        if (Data.Pairs.FirstOrDefault(pair => !Patched(pair).AsSpan().SequenceEqual(places)) is { } another)
            throw new UserException($"{first.Place} and {another.Place} align other positions; expected the "
                + $"same ones for cells by position, {Field.Of(nameof(PatchOptions.FromEnd))}, or cells by "
                + "layer or head");
    }

    // Positions of the run that is patched, ascending.
    int[] Patched(ContrastPair pair) => [.. Corruption.PositionsOf(pair).Pairs
        .Select(p => Direction == PatchDirection.Denoise ? p.Corrupt : p.Clean).Order()];
}
