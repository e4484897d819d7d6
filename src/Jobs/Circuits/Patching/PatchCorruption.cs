using HeadTap.Circuits;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>How the corrupted runs of pairs are made: a given prompt, noise, or other prompts.</summary>
sealed class PatchCorruption
{
    const int UsualSamples = 10;
    const double UsualScale = 3; // Meng et al. 2022

    readonly PositionPairs? _align;
    readonly EmbeddingNoise? _noise;
    readonly IReadOnlyList<int[]>? _rows;
    readonly string _place;
    readonly int _samples;
    double? _deviation;

    PatchCorruption(PositionPairs? align, EmbeddingNoise? noise, IReadOnlyList<int[]>? rows, string place,
        int samples)
        => (_align, _noise, _rows, _place, _samples) = (align, noise, rows, place, samples);

    /// <summary>Name of the way: prompt, noise or resample.</summary>
    internal string Name => _noise is not null ? "noise" : _rows is not null ? "resample" : "prompt";

    /// <summary>Whether a pair has a corrupted prompt of its own that is used.</summary>
    internal bool IsGiven => Name == "prompt";

    /// <summary>Corrupted runs of a pair, at most.</summary>
    internal int Samples => _samples;

    /// <summary>Whether positions of a pair belong together by hand.</summary>
    internal bool HasOtherPositions(ContrastPair pair) => (_align ?? pair.Align) is not null;

    /// <summary>The pairs of positions of a pair.</summary>
    internal PositionPairs PositionsOf(ContrastPair pair)
        => _align ?? pair.Align ?? PositionPairs.Same(pair.Clean.Length);

    /// <summary>Whether options ask for a way that needs no corrupted prompt.</summary>
    internal static bool IsDrawn(PatchOptions options)
        => options.NoisePositions is not null || options.Resample is not null;

    /// <summary>Reads the options of corruption, and a file of prompts.</summary>
    /// <exception cref="UserException">Options contradict each other, or the file cannot be read.</exception>
    internal static PatchCorruption Read(PatchOptions options, ContrastData data)
    {
        Require(options);
        int samples = options.Samples ?? (IsDrawn(options) ? UsualSamples : 1);
        if (options.NoisePositions is { } positions)
            return new(null, new EmbeddingNoise(
                PatchWords.Numbers(nameof(options.NoisePositions), positions, negative: true),
                options.NoiseScale ?? UsualScale), null, "", samples);
        if (options.Resample is not { } file)
            return new(options.Align is { } align
                ? PatchWords.Pairs(Field.Of(nameof(options.Align)), align) : null,
                null, null, "", 1);
        ModelText text = data.Texts;
        IReadOnlyList<int[]> rows = Path.GetExtension(file) == ".json"
            ? [.. text.Batch(file).Select(text.Row)] : [.. text.Prompts(file).Select(text.Row)];
        foreach ((int at, int[] row) in rows.Index())
            new ContrastPair(row, null, 0, null) { Place = $"{Quoted.Path(file)} prompt {at}" }
                .Validate(data.Config);
        return new(null, null, rows, Quoted.Path(file), samples);
    }

    /// <summary>Checks a pair before the model is loaded.</summary>
    /// <exception cref="UserException">Lengths or positions do not fit.</exception>
    internal void Validate(ContrastPair pair)
    {
        if (!IsGiven && pair.Align is not null)
            throw new UserException($"{pair.Place}: align belongs to a corrupted prompt, and this one is "
                + "drawn; leave it out");
        if (_noise is not null)
            _noise.Validate(pair.Clean.Length);
        else if (_rows is not null)
            Drawn(pair, new SeededRandom(0));
        else if ((_align ?? pair.Align) is { } align)
            align.Validate(pair.Clean.Length, pair.Corrupt!.Length);
        else if (pair.Corrupt!.Length != pair.Clean.Length)
            throw new UserException($"{pair.Place}: the clean prompt has "
                + $"{Counted.Of(pair.Clean.Length, "token")} and the corrupted one {pair.Corrupt.Length}; "
                + "expected one length, because positions must match, or the pairs of positions with "
                + Field.Of(nameof(PatchOptions.Align)));
    }

    /// <summary>Makes the runs of a pair; several where they are drawn.</summary>
    /// <param name="pair">The pair.</param>
    /// <param name="index">Index of the pair, from 0; each draws by itself.</param>
    /// <param name="model">The model.</param>
    /// <param name="seed">Seed of the job.</param>
    internal IReadOnlyList<PatchContrast> Contrasts(
        ContrastPair pair, int index, LanguageModel model, ulong seed)
    {
        var clean = new PatchInput(pair.Clean);
        PositionPairs same = PositionPairs.Same(pair.Clean.Length);
        var random = new SeededRandom(seed, (ulong)index);
        if (_rows is not null)
            return [.. Drawn(pair, random).Select(row
                => new PatchContrast(clean, new PatchInput(row), same))];
        if (_noise is null)
            return [new PatchContrast(clean, new PatchInput(pair.Corrupt!), PositionsOf(pair))];
        double deviation = _deviation ??= EmbeddingNoise.DeviationOf(model);
        return [.. Enumerable.Range(0, _samples).Select(_ => new PatchContrast(clean,
            _noise.Corrupt(pair.Clean, model.Config.Width, deviation, random), same))];
    }

    IReadOnlyList<int[]> Drawn(ContrastPair pair, SeededRandom random)
        => ResampledPrompts.Draw(_rows!, pair.Clean, _samples, random, _place);

    static void Require(PatchOptions options)
    {
        ContrastRequest asked = options.Contrast;
        asked.Rules.RequireObeyed(options.Resample, nameof(options.Resample));
        string? drawn = options.NoisePositions is not null ? nameof(options.NoisePositions)
            : options.Resample is not null ? nameof(options.Resample) : null;
        string? corrupt = asked.Corrupt is not null ? nameof(asked.Corrupt)
            : asked.CorruptIds is not null ? nameof(asked.CorruptIds) : null;
        if (options.NoisePositions is not null && options.Resample is not null)
            throw Both(nameof(options.NoisePositions), nameof(options.Resample));
        if (drawn is not null && corrupt is not null)
            throw Both(drawn, corrupt);
        if (drawn is not null && options.Align is not null)
            throw Both(drawn, nameof(options.Align));
        if (asked.Pairs is not null && options.Align is not null)
            throw new UserException($"{Field.Of(nameof(options.Align))} and {Field.Of(nameof(asked.Pairs))}; "
                + "expected one pair, or the field align in the file");
        if (drawn is null && options.Samples is not null)
            throw new UserException($"{Field.Of(nameof(options.Samples))} without "
                + $"{Field.Of(nameof(options.NoisePositions))} or {Field.Of(nameof(options.Resample))}; a "
                + "given prompt is run once");
        if (options.Samples is < 1)
            throw new UserException($"{Field.Of(nameof(options.Samples))} is {options.Samples}; expected 1 "
                + "or more");
        if (options.NoiseScale is null)
            return;
        if (options.NoisePositions is null)
            throw new UserException($"{Field.Of(nameof(options.NoiseScale))} without "
                + $"{Field.Of(nameof(options.NoisePositions))}; expected both or neither");
        if (!(options.NoiseScale > 0) || !double.IsFinite(options.NoiseScale.Value))
            throw new UserException($"{Field.Of(nameof(options.NoiseScale))} is {options.NoiseScale}; "
                + "expected a finite number above 0");
    }

    static UserException Both(string one, string other) => new(
        $"{Field.Of(one)} and {Field.Of(other)}; expected one way to corrupt the clean prompt");
}
