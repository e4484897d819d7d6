using System.Globalization;
using HeadTap.Lens;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Options of <see cref="LensTrainJob"/>.</summary>
public sealed record LensTrainOptions
{
    /// <summary>A model folder as Hugging Face keeps it.</summary>
    public required string Model { get; init; }

    /// <summary>The texts.</summary>
    public LensTextsRequest Texts { get; init; } = new();

    /// <summary>all, or layers from 0 with commas between them.</summary>
    public string Layers { get; init; } = "all";

    /// <summary>head, thin, low-rank, shared, residual or tuned.</summary>
    public string Kind { get; init; } = "head";

    /// <summary>Rank of the kind low-rank.</summary>
    public int Rank { get; init; } = 64;

    /// <summary>folded (W_U with the final LayerNorm), raw (W_U as it is) or zero.</summary>
    public string Init { get; init; } = "folded";

    /// <summary>Each head's bias begins as b_U (per-head) or as b_U / H (divided).</summary>
    public string Bias { get; init; } = "per-head";

    /// <summary>Positions of a row that are matched: last (real), all, or a number of them drawn at random.
    /// </summary>
    public string Positions { get; init; } = "last";

    /// <summary>Optimiser steps; 0 writes the lens as it begins.</summary>
    public int Steps { get; init; } = 500;

    /// <summary>Rows of a forward pass.</summary>
    public int BatchRows { get; init; } = 8;

    /// <summary>Forward passes that make a step.</summary>
    public int Accumulation { get; init; } = 1;

    /// <summary>Tokens of the longest row; 0 for the model's context.</summary>
    public int TokensPerRow { get; init; }

    /// <summary>Adam's learning rate.</summary>
    public float LearningRate { get; init; } = 1e-3f;

    /// <summary>Adam's decay of the first moment.</summary>
    public float Beta1 { get; init; } = 0.9f;

    /// <summary>Adam's decay of the second moment.</summary>
    public float Beta2 { get; init; } = 0.999f;

    /// <summary>Adam's epsilon.</summary>
    public float Epsilon { get; init; } = 1e-8f;

    /// <summary>Decoupled decay of matrices; biases have none.</summary>
    public float WeightDecay { get; init; }

    /// <summary>constant or cosine.</summary>
    public string Schedule { get; init; } = "cosine";

    /// <summary>Steps of linear rise.</summary>
    public int WarmupSteps { get; init; }

    /// <summary>
    /// Learning rate at the end of the cosine; null for a tenth of <see cref="LearningRate"/>.
    /// </summary>
    public float? MinimumRate { get; init; }

    /// <summary>Largest norm of a layer's gradient; 0 for no limit.</summary>
    public float Clip { get; init; }

    /// <summary>How Adam's moments are kept: float32, 8-bit or factored.</summary>
    public string Moments { get; init; } = "float32";

    /// <summary>Share of the documents held out; null for 0.05 of 20 or more, and none of fewer.</summary>
    public double? ValidationShare { get; init; }

    /// <summary>Rows of the held-out documents, at most.</summary>
    public int ValidationRows { get; init; } = 256;

    /// <summary>Steps between evaluations.</summary>
    public int EvaluateEvery { get; init; } = 100;

    /// <summary>Evaluations without a gain after which a layer is done; 0 never.</summary>
    public int Patience { get; init; } = 5;

    /// <summary>Nats that count as a gain.</summary>
    public double MinimumGain { get; init; } = 1e-4;

    /// <summary>Steps between checkpoints; 0 for the end alone.</summary>
    public int CheckpointEvery { get; init; } = 500;

    /// <summary>Layers trained together; 0 for as many as fit.</summary>
    public int LayersAtOnce { get; init; }

    /// <summary>Plans the memory and trains nothing; needs config.json alone.</summary>
    public bool Plan { get; init; }

    /// <summary>GiB to plan for in place of the device's; null for those.</summary>
    public double? PlanMemory { get; init; }

    /// <summary>
    /// The folder that gets the lenses, metrics and checkpoint; null with <see cref="Plan"/>. The same job
    /// continues there where it was stopped.
    /// </summary>
    public string? Out { get; init; }

    /// <summary>Which lens.</summary>
    /// <exception cref="UserException">There is none of this name, or the model cannot have it.</exception>
    internal LensOptions Lens(ModelConfig config)
    {
        var lens = new LensOptions
        {
            Kind = Kind switch
            {
                "head" => LensKind.Head,
                "thin" => LensKind.Thin,
                "low-rank" => LensKind.LowRank,
                "shared" => LensKind.Shared,
                "residual" => LensKind.Residual,
                "tuned" => LensKind.Tuned,
                _ => throw new UserException($"Kind is {Quoted.Name(Kind)}; expected head, thin, low-rank, "
                    + "shared, residual or tuned", nameof(Kind)),
            },
            Rank = Rank,
            Initial = Init switch
            {
                "folded" => LensInitial.Folded,
                "raw" => LensInitial.Raw,
                "zero" => LensInitial.Zero,
                _ => throw new UserException($"Init is {Quoted.Name(Init)}; expected folded, raw or zero",
                    nameof(Init)),
            },
            Bias = Bias switch
            {
                "per-head" => LensBias.PerHead,
                "divided" => LensBias.Divided,
                _ => throw new UserException($"Bias is {Quoted.Name(Bias)}; expected per-head or divided",
                    nameof(Bias)),
            },
        };
        lens.RequireFits(config);
        return lens;
    }

    /// <summary>Layers, rising.</summary>
    /// <exception cref="UserException">The model has no such layer, or one is named twice.</exception>
    internal int[] LayersOf(ModelConfig config)
    {
        if (Layers == "all")
            return [.. Enumerable.Range(0, config.Layers)];
        int[] layers = [.. Layers.Split(',').Select(part => int.TryParse(part, NumberStyles.None,
            CultureInfo.InvariantCulture, out int layer) && layer < config.Layers ? layer
            : throw new UserException($"Layers is {Quoted.Name(Layers)}; expected all, or layers from 0 to "
                + $"{config.Layers - 1} with commas between", nameof(Layers)))];
        return layers.Distinct().Count() == layers.Length ? [.. layers.Order()] : throw new UserException(
            $"Layers is {Quoted.Name(Layers)}; a layer is named twice", nameof(Layers));
    }

    /// <summary>How lenses are trained, checked against a model.</summary>
    /// <exception cref="UserException">A value is out of range.</exception>
    internal LensTrainingOptions Training(ModelConfig config, ulong seed) => (new LensTrainingOptions
    {
        Steps = Steps,
        BatchRows = BatchRows,
        Accumulation = Accumulation,
        TokensPerRow = TokensPerRow,
        Positions = PositionChoice.Parse(Positions),
        Optimizer = new AdamWOptions
        {
            LearningRate = LearningRate, Beta1 = Beta1, Beta2 = Beta2, Epsilon = Epsilon,
            WeightDecay = WeightDecay,
        },
        Schedule = new LearningRateSchedule
        {
            Kind = Schedule switch
            {
                "constant" => ScheduleKind.Constant,
                "cosine" => ScheduleKind.Cosine,
                _ => throw new UserException(
                    $"Schedule is {Quoted.Name(Schedule)}; expected constant or cosine", nameof(Schedule)),
            },
            WarmupSteps = WarmupSteps,
            MinimumRate = MinimumRate,
        },
        Clip = Clip,
        Moments = Moments switch
        {
            "float32" => MomentStorage.Float32,
            "8-bit" => MomentStorage.EightBit,
            "factored" => MomentStorage.Factored,
            _ => throw new UserException(
                $"Moments is {Quoted.Name(Moments)}; expected float32, 8-bit or factored", nameof(Moments)),
        },
        ValidationShare = ValidationShare,
        ValidationRows = ValidationRows,
        EvaluateEvery = EvaluateEvery,
        Patience = Patience,
        MinimumGain = MinimumGain,
        CheckpointEvery = CheckpointEvery,
        LayersAtOnce = LayersAtOnce,
        Seed = seed,
        Bos = PromptRequest.BosOf(Texts.Bos, config, Model),
    }).Validated(config);
}
