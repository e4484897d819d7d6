using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>
/// Everything a training run depends on. The same config, data and device give the same weights, bit for bit.
/// Defaults are nanoGPT's, which follow GPT-3's paper (Brown et al. 2020, appendix B), without dropout.
/// </summary>
public sealed partial record TrainingConfig
{
    /// <summary>What is trained: a new model's sizes, or a model folder.</summary>
    public required TrainingModel Model { get; init; }

    /// <summary>The texts.</summary>
    public required TrainingData Data { get; init; }

    /// <summary>Text to tokens; null takes the tokenizer of the model's folder.</summary>
    public TrainingTokenizer? Tokenizer { get; init; }

    /// <summary>How texts are read and become tokens.</summary>
    public TrainingTextRules Texts { get; init; } = new();

    /// <summary>What one row is.</summary>
    public TokenRows Rows { get; init; } = TokenRows.Packed;

    /// <summary>T: tokens a row; 0 for the model's context.</summary>
    public int TokensPerRow { get; init; }

    /// <summary>B: rows that one pass holds.</summary>
    public int BatchRows { get; init; } = 12;

    /// <summary>Batches whose gradients are added up for one step.</summary>
    public int Accumulation { get; init; } = 1;

    /// <summary>Optimiser steps; null if <see cref="Epochs"/> says how long.</summary>
    public int? Steps { get; init; }

    /// <summary>
    /// Passes over the data, rounded up to whole steps; null if <see cref="Steps"/> says how long.
    /// </summary>
    public int? Epochs { get; init; }

    /// <summary>
    /// How a gradient moves the weights: <see cref="AdamWOptions"/> or <see cref="SgdOptions"/>.
    /// </summary>
    public OptimizerOptions Optimizer { get; init; } = new AdamWOptions();

    /// <summary>How the learning rate goes over the steps.</summary>
    public LearningRateSchedule Schedule { get; init; } = new();

    /// <summary>
    /// Longest gradient of a step, Euclidean norm over all trained parameters; 0 does not clip.
    /// </summary>
    public float Clip { get; init; } = 1;

    /// <summary>Of the initial weights and of the order of the rows.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>Globs of parameter names that are trained; the others keep their bits.</summary>
    public IReadOnlyList<string> Train { get; init; } = ["*"];

    /// <summary>Steps between checkpoints; 0 for none. A checkpoint is also written at the end.</summary>
    public int CheckpointEvery { get; init; } = 500;

    /// <summary>Steps between evaluations: validation loss and samples. The last step has one too.</summary>
    public int EvaluateEvery { get; init; } = 500;

    /// <summary>Texts the model is not trained on, or null.</summary>
    public TrainingValidation? Validation { get; init; }

    /// <summary>Texts that the model writes while it is trained, or null.</summary>
    public TrainingSamples? Samples { get; init; }

    /// <summary>Returns this config, or says which field is wrong.</summary>
    /// <param name="source">Where the config came from; begins the message.</param>
    /// <exception cref="UserException">A field is out of its range, or two do not go together.</exception>
    public TrainingConfig Validated(string source = "training config")
    {
        string? wrong =
            Model.Problem() ?? Data.Problem() ?? Tokenizer?.Problem() ?? Texts.Problem(Rows)
            ?? Validation?.Problem() ?? Samples?.Problem()
            ?? Range("tokens_per_row", TokensPerRow, 0) ?? RowProblem(Model.Sizes)
            ?? Range("batch_rows", BatchRows, 1) ?? Range("accumulation", Accumulation, 1)
            ?? Range("steps", Steps ?? 1, 1) ?? Range("epochs", Epochs ?? 1, 1)
            ?? Range("checkpoint_every", CheckpointEvery, 0) ?? Range("evaluate_every", EvaluateEvery, 1)
            ?? (Steps is null == Epochs is null ? "expected steps or epochs, one of them" : null)
            ?? (Tokenizer is null && Model.From is null
                ? "tokenizer is missing; a new model needs {\"from\": FOLDER} or {\"train_bpe\": {...}}"
                : null)
            ?? (Train.Count == 0 ? "train is empty; expected at least one parameter name or glob" : null)
            ?? NotNegative("clip", Clip) ?? Optimizer.Problem() ?? Schedule.Problem(Optimizer.LearningRate);
        return wrong is null ? this : throw new UserException($"{Quoted.Path(source)}: {wrong}.");
    }

    /// <summary>Says that rows do not fit a model's context; null if they do.</summary>
    /// <param name="model">The model's sizes; null where they are not known.</param>
    public string? RowProblem(ModelConfig? model) => model is null || TokensPerRow <= model.ContextLength
        ? null : $"tokens_per_row is {TokensPerRow}; the model's context is {model.ContextLength}";

    internal static string? Range(string field, int value, int least) =>
        value >= least ? null : $"{field} is {value}; expected at least {least}";

    internal static string? NotNegative(string field, float value) =>
        value >= 0 && float.IsFinite(value) ? null : $"{field} is {value}; expected a number, at least 0";

    internal static string? Share(string field, float value) =>
        value is >= 0 and < 1 ? null : $"{field} is {value}; expected 0 to 1, 1 not included";
}

/// <summary>The model to train: sizes of a new one, or a folder.</summary>
public sealed record TrainingModel
{
    /// <summary>A model folder to continue from; null for a new model.</summary>
    public string? From { get; init; }

    /// <summary>
    /// Sizes of a new model; the vocabulary's is the tokenizer's. Null with <see cref="From"/>.
    /// </summary>
    public ModelConfig? Sizes { get; init; }

    internal string? Problem() =>
        From is null == Sizes is null ? "model needs either sizes or \"from\"" : null;
}

/// <summary>The texts: files, or the atlas corpus of a seed.</summary>
public sealed record TrainingData
{
    /// <summary>Files that <see cref="TextDocuments.Read"/> reads; relative to the working folder.</summary>
    public IReadOnlyList<string> Files { get; init; } = [];

    /// <summary>
    /// Seed of an <c>AtlasCorpus</c> with its default options; null with <see cref="Files"/>.
    /// </summary>
    public ulong? AtlasSeed { get; init; }

    internal string? Problem() =>
        Files.Count == 0 == AtlasSeed is null ? "data needs either \"files\" or \"atlas\"" : null;
}

/// <summary>Text to tokens: an existing tokenizer, or one learnt from the training texts.</summary>
public sealed record TrainingTokenizer
{
    /// <summary>A folder with tokenizer files; null to learn one.</summary>
    public string? From { get; init; }

    /// <summary>Most tokens of a learnt vocabulary.</summary>
    public int VocabSize { get; init; }

    /// <summary>A pair of tokens that occurs less often gets no token.</summary>
    public int MinimumCount { get; init; } = 2;

    internal string? Problem() => From is not null ? null
        : TrainingConfig.Range("train_bpe: vocab_size", VocabSize, 257)
            ?? TrainingConfig.Range("train_bpe: minimum_count", MinimumCount, 1);
}

/// <summary>
/// Texts for evaluation: files, or a share of the training documents, which are then left out.
/// </summary>
public sealed record TrainingValidation
{
    /// <summary>Files; empty with <see cref="Share"/>.</summary>
    public IReadOnlyList<string> Files { get; init; } = [];

    /// <summary>Share of the documents, drawn by the run's seed; 0 with <see cref="Files"/>.</summary>
    public float Share { get; init; }

    internal string? Problem() => TrainingConfig.Share("validation: share", Share)
        ?? (Files.Count == 0 == (Share == 0) ? "validation needs either \"files\" or \"share\"" : null);
}
