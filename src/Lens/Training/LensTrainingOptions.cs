using System.Text.Json.Nodes;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Lens;

/// <summary>Options of lens training.</summary>
public sealed record LensTrainingOptions
{
    /// <summary>Number of optimiser steps; 0 keeps the initial values.</summary>
    public required int Steps { get; init; }

    /// <summary>Rows per forward pass of the model; at least 1.</summary>
    public int BatchRows { get; init; } = 8;

    /// <summary>Forward passes per step; at least 1.</summary>
    public int Accumulation { get; init; } = 1;

    /// <summary>
    /// Largest number of tokens of a row; longer documents give several rows. 0 for the model's context.
    /// </summary>
    public int TokensPerRow { get; init; }

    /// <summary>
    /// Positions of each row where the lens is trained to match the model; the reference uses the last
    /// position that is not padding.
    /// </summary>
    public PositionChoice Positions { get; init; } = PositionChoice.Last;

    /// <summary>
    /// Removal of heads whose effect the lenses learn; null to match the model's prediction by the sum over
    /// heads, as in the reference.
    /// </summary>
    public TrainingAblation? Ablation { get; init; }

    /// <summary>Options of AdamW; the reference has no weight decay.</summary>
    public AdamWOptions Optimizer { get; init; } =
        new() { LearningRate = 1e-3f, Beta1 = 0.9f, Beta2 = 0.999f, WeightDecay = 0 };

    /// <summary>Schedule of the learning rate.</summary>
    public LearningRateSchedule Schedule { get; init; } = new();

    /// <summary>
    /// Largest norm of a layer's gradient; 0 for no limit. A limit needs a second pass over the vocabulary.
    /// </summary>
    public float Clip { get; init; }

    /// <summary>Storage of the moments of the matrix to the vocabulary.</summary>
    public MomentStorage Moments { get; init; }

    /// <summary>Seed for the order of texts, sampled positions and the choice of validation texts.</summary>
    public ulong Seed { get; init; }

    /// <summary>Token that is put before each document; null for none.</summary>
    public int? Bos { get; init; }

    /// <summary>
    /// Share of the documents that is held out for validation, 0 to less than 1. Null holds out 5 % if there
    /// are at least 20 documents, and none otherwise.
    /// </summary>
    public double? ValidationShare { get; init; }

    /// <summary>Largest number of held-out rows per evaluation; at least 1.</summary>
    public int ValidationRows { get; init; } = 256;

    /// <summary>Steps between two evaluations; at least 1.</summary>
    public int EvaluateEvery { get; init; } = 100;

    /// <summary>
    /// Number of evaluations without improvement after which training of a layer ends; 0 for never. The best
    /// lens of each layer is kept.
    /// </summary>
    public int Patience { get; init; } = 5;

    /// <summary>Smallest decrease of the validation KL that counts as an improvement, nats.</summary>
    public double MinimumGain { get; init; } = 1e-4;

    /// <summary>Steps between two checkpoints; 0 for a checkpoint only when the run is stopped.</summary>
    public int CheckpointEvery { get; init; } = 500;

    /// <summary>Largest number of layers that are trained together; 0 for as many as fit.</summary>
    public int LayersAtOnce { get; init; }

    /// <summary>Returns all options that determine the result, for manifests and checkpoints.</summary>
    public JsonObject ToJson()
    {
        JsonObject options = Common();
        if (Ablation is { } ablation) // absent in folders that were made without
            (options["ablation"], options["ablation_share"]) = (ablation.Word, ablation.Share);
        return options;
    }

    JsonObject Common() => new()
    {
        ["steps"] = Steps,
        ["batch_rows"] = BatchRows,
        ["accumulation"] = Accumulation,
        ["tokens_per_row"] = TokensPerRow,
        ["positions"] = Positions.ToString(),
        ["learning_rate"] = Optimizer.LearningRate,
        ["beta1"] = Optimizer.Beta1,
        ["beta2"] = Optimizer.Beta2,
        ["epsilon"] = Optimizer.Epsilon,
        ["weight_decay"] = Optimizer.WeightDecay,
        ["schedule"] = Schedule.Kind.ToString().ToLowerInvariant(),
        ["warmup_steps"] = Schedule.WarmupSteps,
        ["minimum_rate"] = Schedule.MinimumRate,
        ["clip"] = Clip,
        ["moments"] = Moments.ToString().ToLowerInvariant(),
        ["seed"] = Seed,
        ["bos"] = Bos,
        ["validation_share"] = ValidationShare,
        ["validation_rows"] = ValidationRows,
        ["evaluate_every"] = EvaluateEvery,
        ["patience"] = Patience,
        ["minimum_gain"] = MinimumGain,
    };

    /// <summary>Returns these options after checking their ranges.</summary>
    /// <exception cref="UserException">An option is out of range; the message names it.</exception>
    public LensTrainingOptions Validated(ModelConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        RequireLeast(nameof(Steps), Steps, 0);
        RequireLeast(nameof(BatchRows), BatchRows, 1);
        RequireLeast(nameof(Accumulation), Accumulation, 1);
        RequireLeast(nameof(TokensPerRow), TokensPerRow, 0);
        if (TokensPerRow > config.ContextLength)
            throw new UserException($"{Field.Of(nameof(TokensPerRow))} is {TokensPerRow}; the model's "
                + $"context is {config.ContextLength}");
        RequireLeast(nameof(EvaluateEvery), EvaluateEvery, 1);
        RequireLeast(nameof(Patience), Patience, 0);
        RequireLeast(nameof(CheckpointEvery), CheckpointEvery, 0);
        RequireLeast(nameof(ValidationRows), ValidationRows, 1);
        RequireLeast(nameof(LayersAtOnce), LayersAtOnce, 0);
        if (Ablation is { Share: not (>= 0 and < 1) } ablation)
            throw new UserException($"{Field.Of("AblationShare")} is {ablation.Share}; expected 0 "
                + "to below 1");
        RequireLeast(nameof(Schedule.WarmupSteps), Schedule.WarmupSteps, 0);
        if (!(ValidationShare is null or (>= 0 and < 1)))
            throw new UserException($"{Field.Of(nameof(ValidationShare))} is {ValidationShare}; expected 0 "
                + "to less than 1");
        if (!(Clip >= 0 && float.IsFinite(Clip)))
            throw new UserException($"{Field.Of(nameof(Clip))} is {Clip}; expected 0 or more");
        if (!(MinimumGain >= 0 && double.IsFinite(MinimumGain)))
            throw new UserException($"{Field.Of(nameof(MinimumGain))} is {MinimumGain}; expected 0 or more");
        return Optimizer.Problem() is { } problem ? throw new UserException(Field.First(problem)) : this;
    }

    /// <summary>Checks that lenses can be trained so: on removals or on the sum over heads.</summary>
    /// <param name="lens">Kind and first values of the lenses.</param>
    /// <param name="config">Configuration of the model.</param>
    /// <exception cref="UserException">The kind or its biases do not fit, or a step has too few
    /// rows.</exception>
    public void RequireFits(LensOptions lens, ModelConfig config)
    {
        ArgumentNullException.ThrowIfNull(lens);
        ArgumentNullException.ThrowIfNull(config);
        string kind = $"{Field.Of(nameof(lens.Kind))} {lens.Kind.ToString().ToLowerInvariant()}",
            ablation = Field.Of(nameof(Ablation)), bias = Field.Of(nameof(lens.Bias));
        if (Ablation is null)
        {
            if (lens.Kind == LensKind.Effect)
                throw new UserException($"{kind} needs {ablation} zero or mean");
            if (lens.Bias == LensBias.None)
                throw new UserException($"{bias} none belongs to {ablation}; expected per-head or divided");
            return;
        }
        if (!lens.ReadsHeads || lens.Kind == LensKind.Residual)
            throw new UserException($"{kind} reads the stream; {ablation} is for head, thin, low-rank, "
                + "shared and effect");
        // Heads share no bias: nothing says whose it would be, and without the head it is gone too.
        if (lens.Bias != LensBias.None)
            throw new UserException(
                $"lenses that are trained with {ablation} have no biases; leave {bias} out");
        int rows = BatchRows * Accumulation;
        if (rows < config.Layers)
            throw new UserException($"a step has {Counted.Of(rows, "row")}; {ablation} needs one for each of "
                + $"the model's {Counted.Of(config.Layers, "layer")}: a larger "
                + $"{Field.Of(nameof(BatchRows))} or {Field.Of(nameof(Accumulation))}");
    }

    /// <summary>Returns T, the largest number of tokens of a row.</summary>
    internal int TokensAtOnce(ModelConfig config) => TokensPerRow == 0 ? config.ContextLength : TokensPerRow;

    /// <summary>Returns the largest number of positions of one step.</summary>
    internal int PositionsAtOnce(ModelConfig config)
        => checked((int)(Accumulation * Positions.MostOf(BatchRows, TokensAtOnce(config))));

    static void RequireLeast(string name, int value, int least)
    {
        if (value < least)
            throw new UserException($"{Field.Of(name)} is {value}; expected {least} or more");
    }
}
