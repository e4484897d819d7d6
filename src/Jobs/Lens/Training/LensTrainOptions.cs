using System.Globalization;
using HeadTap.Lens;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Options of <see cref="LensTrainJob"/>.</summary>
public sealed record LensTrainOptions
{
    /// <summary>Folder of the model, in Hugging Face's format.</summary>
    public required string Model { get; init; }

    /// <summary>Training texts.</summary>
    public LensTextsRequest Texts { get; init; } = new();

    /// <summary>Layers: all, or numbers from 0 separated by commas.</summary>
    public string Layers { get; init; } = "all";

    /// <summary>Kind of lens: head, thin, low-rank, shared, residual, tuned, effect or jacobian.</summary>
    public string Kind { get; init; } = "head";

    /// <summary>Rank of the kind low-rank, which alone has one; null for <see cref="DefaultRank"/>.</summary>
    public int? Rank { get; init; }

    /// <summary>
    /// First values: folded (W_U with the final LayerNorm), raw (W_U as it is), zero, or jacobian (W_U J of
    /// <see cref="InitLens"/>).
    /// </summary>
    public string Init { get; init; } = "folded";

    /// <summary>
    /// Folder of a Jacobian lens: at resid_mid for lenses of heads, at resid_post for a tuned lens; null for
    /// other first values.
    /// </summary>
    public string? InitLens { get; init; }

    /// <summary>
    /// First bias of each head: b_U (per-head) or b_U / H (divided), or none, which <see cref="Ablation"/>
    /// takes; null for none with it and per-head without it.
    /// </summary>
    public string? Bias { get; init; }

    /// <summary>
    /// Positions of a row to train on: last (without padding), all, or a number of them drawn at random; null
    /// for last. Of the kind jacobian: published (16 to T - 2) or all; null for published.
    /// </summary>
    public string? Positions { get; init; }

    /// <summary>
    /// What removed heads' z becomes, for lenses that learn what the removal changes: zero, or mean for its
    /// mean over the row. Null for zero of the kind effect, and for lenses of other kinds, which then match
    /// the model's prediction by the sum over heads.
    /// </summary>
    public string? Ablation { get; init; }

    /// <summary>
    /// Probability of removal for each further head beside the one that is drawn for a row; null for
    /// <see cref="DefaultAblationShare"/>.
    /// </summary>
    public double? AblationShare { get; init; }

    /// <summary>Options of the kind jacobian.</summary>
    public JacobianRequest Jacobian { get; init; } = new();

    /// <summary>Number of optimiser steps; 0 writes the untrained lens.</summary>
    public int Steps { get; init; } = 500;

    /// <summary>Number of rows per forward pass.</summary>
    public int BatchRows { get; init; } = 8;

    /// <summary>Number of forward passes per step.</summary>
    public int Accumulation { get; init; } = 1;

    /// <summary>Number of tokens of the longest row; 0 for the model's context.</summary>
    public int TokensPerRow { get; init; }

    /// <summary>Learning rate of Adam.</summary>
    public float LearningRate { get; init; } = 1e-3f;

    /// <summary>Decay of Adam's first moment.</summary>
    public float Beta1 { get; init; } = 0.9f;

    /// <summary>Decay of Adam's second moment.</summary>
    public float Beta2 { get; init; } = 0.999f;

    /// <summary>Epsilon of Adam.</summary>
    public float Epsilon { get; init; } = 1e-8f;

    /// <summary>Decoupled weight decay of matrices; biases have none.</summary>
    public float WeightDecay { get; init; }

    /// <summary>Schedule of the learning rate: constant or cosine.</summary>
    public string Schedule { get; init; } = "cosine";

    /// <summary>Number of steps of linear warm-up.</summary>
    public int WarmupSteps { get; init; }

    /// <summary>
    /// Learning rate at the end of the cosine; null for a tenth of <see cref="LearningRate"/>.
    /// </summary>
    public float? MinimumRate { get; init; }

    /// <summary>Largest norm of a layer's gradient; 0 for no limit.</summary>
    public float Clip { get; init; }

    /// <summary>Storage of Adam's moments: float32, 8-bit or factored.</summary>
    public string Moments { get; init; } = "float32";

    /// <summary>
    /// Share of the documents that is held out; null for 0.05 of 20 documents or more, and 0 of fewer.
    /// </summary>
    public double? ValidationShare { get; init; }

    /// <summary>Largest number of rows of the held-out documents.</summary>
    public int ValidationRows { get; init; } = 256;

    /// <summary>Number of steps between evaluations.</summary>
    public int EvaluateEvery { get; init; } = 100;

    /// <summary>Number of evaluations without a gain after which a layer is done; 0 for no limit.</summary>
    public int Patience { get; init; } = 5;

    /// <summary>Smallest improvement that counts as a gain, nats.</summary>
    public double? MinimumGain { get; init; }

    /// <summary>Number of steps between checkpoints; 0 for one at the end.</summary>
    public int CheckpointEvery { get; init; } = 500;

    /// <summary>Number of layers trained together; 0 for as many as fit.</summary>
    public int LayersAtOnce { get; init; }

    /// <summary>Whether to plan the memory without training; this needs only config.json.</summary>
    public bool Plan { get; init; }

    /// <summary>Memory to plan for, GiB; null for the device's.</summary>
    public double? PlanMemory { get; init; }

    /// <summary>
    /// Folder for lenses, metrics and checkpoint; null with <see cref="Plan"/>. The same job continues there
    /// where it was stopped.
    /// </summary>
    public string? Out { get; init; }

    /// <summary>Returns the options of the lens, checked against a model.</summary>
    /// <exception cref="UserException">No lens kind has this name, or the model cannot have it.</exception>
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
                "effect" => LensKind.Effect,
                _ => throw new UserException($"{Field.Of(nameof(Kind))} is {Quoted.Name(Kind)}; expected "
                    + "head, thin, low-rank, shared, residual, tuned, effect or jacobian"),
            },
            Rank = Rank ?? DefaultRank,
            Initial = Init switch
            {
                "folded" => LensInitial.Folded,
                "raw" => LensInitial.Raw,
                "zero" => LensInitial.Zero,
                "jacobian" => LensInitial.Jacobian,
                _ => throw new UserException($"{Field.Of(nameof(Init))} is {Quoted.Name(Init)}; expected "
                    + "folded, raw, zero or jacobian"),
            },
            InitialLens = InitLens,
            InitialHash = InitLens is null ? null
                : FileHash.Sha256(Path.Combine(InitLens, LensFolder.WeightsFile)),
            Bias = (Bias ?? (Removal is null ? "per-head" : "none")) switch
            {
                "per-head" => LensBias.PerHead,
                "divided" => LensBias.Divided,
                "none" => LensBias.None,
                _ => throw new UserException($"{Field.Of(nameof(Bias))} is {Quoted.Name(Bias!)}; expected "
                    + "per-head, divided or none"),
            },
        };
        if (Rank is not null && lens.Kind != LensKind.LowRank)
            throw new UserException($"{Field.Of(nameof(Rank))} belongs to {Field.Of(nameof(Kind))} low-rank; "
                + "leave it out");
        lens.RequireFits(config);
        JacobianInitial.Require(this, lens, config);
        return lens;
    }

    /// <summary>Returns the layers, ascending.</summary>
    /// <exception cref="UserException">The model has no such layer, or one is named twice.</exception>
    internal int[] LayersOf(ModelConfig config)
    {
        if (Layers == "all")
            return [.. Enumerable.Range(0, config.Layers)];
        int[] layers = [.. Layers.Split(',').Select(part => int.TryParse(part, NumberStyles.None,
            CultureInfo.InvariantCulture, out int layer) && layer < config.Layers ? layer
            : throw new UserException($"{Field.Of(nameof(Layers))} is {Quoted.Name(Layers)}; expected all, "
            + $"or layers from 0 to {config.Layers - 1} with commas between"))];
        return layers.Distinct().Count() == layers.Length ? [.. layers.Order()] : throw new UserException(
            $"{Field.Of(nameof(Layers))} is {Quoted.Name(Layers)}; a layer is named twice");
    }

    /// <summary>Returns the options of the training, checked against a model.</summary>
    /// <exception cref="UserException">A value is out of range.</exception>
    internal LensTrainingOptions Training(ModelConfig config, ulong seed, int? bos) => (new
        LensTrainingOptions
    {
        Steps = Steps,
        BatchRows = BatchRows,
        Accumulation = Accumulation,
        TokensPerRow = TokensPerRow,
        Positions = PositionChoice.Parse(Positions ?? "last"),
        Ablation = TrainingAblation(),
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
                    $"{Field.Of(nameof(Schedule))} is {Quoted.Name(Schedule)}; expected constant or cosine"),
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
                $"{Field.Of(nameof(Moments))} is {Quoted.Name(Moments)}; expected float32, 8-bit or "
                    + "factored"),
        },
        ValidationShare = ValidationShare,
        ValidationRows = ValidationRows,
        EvaluateEvery = EvaluateEvery,
        Patience = Patience,
        MinimumGain = MinimumGain ?? (Removal is null ? 1e-4 : 0), // effects are small
        CheckpointEvery = CheckpointEvery,
        LayersAtOnce = LayersAtOnce,
        Seed = seed,
        Bos = bos,
    }).Validated(config);

    /// <summary>Rank of the kind low-rank unless another one is given.</summary>
    public const int DefaultRank = 64;

    /// <summary>Probability of further removals unless another one is given.</summary>
    public const double DefaultAblationShare = 0.1;

    string? Removal => Ablation ?? (Kind == "effect" ? "zero" : null);

    TrainingAblation? TrainingAblation() => Removal switch
    {
        null when AblationShare is not null => throw new UserException(
            $"{Field.Of(nameof(AblationShare))} belongs to {Field.Of(nameof(Ablation))}; leave it out"),
        null => null,
        "zero" => new(false, AblationShare ?? DefaultAblationShare),
        "mean" => new(true, AblationShare ?? DefaultAblationShare),
        _ => throw new UserException(
            $"{Field.Of(nameof(Ablation))} is {Quoted.Name(Ablation!)}; expected zero or mean"),
    };
}
