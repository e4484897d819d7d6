using System.Text.Json.Nodes;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Lens;

/// <summary>How lenses are trained.</summary>
public sealed record LensTrainingOptions
{
    /// <summary>Optimiser steps; 0 leaves lenses as they begin.</summary>
    public required int Steps { get; init; }

    /// <summary>Rows of a forward pass of the model.</summary>
    public int BatchRows { get; init; } = 8;

    /// <summary>Forward passes whose positions make one step.</summary>
    public int Accumulation { get; init; } = 1;

    /// <summary>
    /// Most tokens of a row; longer documents give several rows. 0 for the model's context.
    /// </summary>
    public int TokensPerRow { get; init; }

    /// <summary>Positions of a row whose distributions are matched: the last real one is the reference's.
    /// </summary>
    public PositionChoice Positions { get; init; } = PositionChoice.Last;

    /// <summary>Adam's options; the reference has no decay.</summary>
    public AdamWOptions Optimizer { get; init; } =
        new() { LearningRate = 1e-3f, Beta1 = 0.9f, Beta2 = 0.999f, WeightDecay = 0 };

    /// <summary>The learning rate over the steps.</summary>
    public LearningRateSchedule Schedule { get; init; } = new();

    /// <summary>Largest norm of a layer's gradient; 0 for no limit. A limit costs a second pass over the
    /// vocabulary.</summary>
    public float Clip { get; init; }

    /// <summary>How moments of the vocabulary's matrix are kept.</summary>
    public MomentStorage Moments { get; init; }

    /// <summary>Order of texts, sampled positions, choice of validation texts.</summary>
    public ulong Seed { get; init; }

    /// <summary>Token put before each document; null for none.</summary>
    public int? Bos { get; init; }

    /// <summary>Share of the documents that is held out; 0 for none; null for a twentieth of 20 documents or
    /// more, and none of fewer.</summary>
    public double? ValidationShare { get; init; }

    /// <summary>Rows of the held-out documents that are looked at, at most.</summary>
    public int ValidationRows { get; init; } = 256;

    /// <summary>Steps between two evaluations.</summary>
    public int EvaluateEvery { get; init; } = 100;

    /// <summary>
    /// Evaluations without a better validation KL after which a layer is done; 0 never. What is kept is each
    /// layer's best.
    /// </summary>
    public int Patience { get; init; } = 5;

    /// <summary>How much better counts, nats.</summary>
    public double MinimumGain { get; init; } = 1e-4;

    /// <summary>Steps between two checkpoints; 0 for one at the end alone.</summary>
    public int CheckpointEvery { get; init; } = 500;

    /// <summary>Layers that are trained together; 0 for as many as fit.</summary>
    public int LayersAtOnce { get; init; }

    /// <summary>Everything that decides the result, for manifests and checkpoints.</summary>
    public JsonObject ToJson() => new()
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

    /// <summary>Refuses options out of range.</summary>
    /// <exception cref="UserException">One is; the message names it.</exception>
    public LensTrainingOptions Validated(ModelConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        RequireLeast(nameof(Steps), Steps, 0);
        RequireLeast(nameof(BatchRows), BatchRows, 1);
        RequireLeast(nameof(Accumulation), Accumulation, 1);
        RequireLeast(nameof(TokensPerRow), TokensPerRow, 0);
        if (TokensPerRow > config.ContextLength)
            throw new UserException($"TokensPerRow is {TokensPerRow}; the model's context is "
                + $"{config.ContextLength}", nameof(TokensPerRow));
        RequireLeast(nameof(EvaluateEvery), EvaluateEvery, 1);
        RequireLeast(nameof(Patience), Patience, 0);
        RequireLeast(nameof(CheckpointEvery), CheckpointEvery, 0);
        RequireLeast(nameof(ValidationRows), ValidationRows, 1);
        RequireLeast(nameof(LayersAtOnce), LayersAtOnce, 0);
        RequireLeast(nameof(Schedule.WarmupSteps), Schedule.WarmupSteps, 0);
        if (!(ValidationShare is null or (>= 0 and < 1)))
            throw new UserException($"ValidationShare is {ValidationShare}; expected 0 to less than 1",
                nameof(ValidationShare));
        if (!(Clip >= 0 && float.IsFinite(Clip)))
            throw new UserException($"Clip is {Clip}; expected 0 or more", nameof(Clip));
        if (!(MinimumGain >= 0 && double.IsFinite(MinimumGain)))
            throw new UserException($"MinimumGain is {MinimumGain}; expected 0 or more", nameof(MinimumGain));
        return Optimizer.Problem() is { } problem ? throw new UserException(problem) : this;
    }

    /// <summary>T of a forward pass.</summary>
    internal int TokensAtOnce(ModelConfig config) => TokensPerRow == 0 ? config.ContextLength : TokensPerRow;

    /// <summary>Positions of one step at most.</summary>
    internal int PositionsAtOnce(ModelConfig config)
        => checked((int)(Accumulation * Positions.MostOf(BatchRows, TokensAtOnce(config))));

    static void RequireLeast(string name, int value, int least)
    {
        if (value < least)
            throw new UserException($"{name} is {value}; expected {least} or more", name);
    }
}
