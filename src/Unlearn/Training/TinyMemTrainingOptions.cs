using System.Text.Json.Serialization;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Unlearn;

/// <summary>How a TinyMem model is made (arXiv 2410.02159; the published hyper-parameters are the
/// defaults).</summary>
public sealed record TinyMemTrainingOptions
{
    /// <summary>L: 2, 4, 8 or 16 in the published runs.</summary>
    public int Layers { get; init; } = 4;

    /// <summary>H</summary>
    public int Heads { get; init; } = 4;

    /// <summary>C; the feed-forward blocks have 4 C neurons, with ReLU.</summary>
    public int Width { get; init; } = 128;

    /// <summary>
    /// Standard deviation of the first weights; null for 0.8 / sqrt(C). Projections into the stream get
    /// it divided by sqrt(2L), as GPT-2.
    /// </summary>
    public float? InitialDeviation { get; init; }

    /// <summary>Rows of a step.</summary>
    public int BatchRows { get; init; } = 128;

    /// <summary>Passes over the training rows.</summary>
    public int Epochs { get; init; } = 3500;

    /// <summary>AdamW: rate 1e-3, constant; betas 0.9 and 0.98; decay 0.1 of every parameter.</summary>
    public AdamWOptions Optimizer { get; init; } = new()
    {
        LearningRate = 1e-3f, Beta1 = 0.9f, Beta2 = 0.98f, WeightDecay = 0.1f, DecayOnlyMatrices = false,
    };

    /// <summary>Epochs after which the model is kept as <c>epoch-N</c>, in addition to the last.</summary>
    public IReadOnlyList<int> Keep { get; init; } = [];

    /// <summary>Epochs between measurements of memorisation and accuracy.</summary>
    public int EvaluateEvery { get; init; } = 10;

    /// <summary>Epochs between checkpoints to resume from.</summary>
    public int CheckpointEvery { get; init; } = 10;

    /// <summary>One of <see cref="RegulariserCatalog.Names"/>, or null.</summary>
    public string? Regulariser { get; init; }

    /// <summary>Which reading of it.</summary>
    public MethodForm Form { get; init; }

    /// <summary>Its options.</summary>
    [JsonConverter(typeof(RegulariserSettingsJson))]
    public MethodSettings RegulariserOptions { get; init; } = new();

    /// <summary>Of the first weights and the order of rows.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>The epochs of the published runs, and the checkpoints that were unlearned.</summary>
    public static TinyMemTrainingOptions Paper(TinyMemOptions data)
    {
        ArgumentNullException.ThrowIfNull(data);
        int[] keep = (data.Kind is null, data.Artefact) switch
        {
            (false, Artefact.Backdoor) => [50, 200, 350, 500],
            (false, _) => [500, 1500, 2500, 3500],
            (true, Artefact.Backdoor) => [10, 20, 30, 50],
            (true, _) => [10, 40, 70, 100],
        };
        return new() { Epochs = keep[^1], Keep = keep[..^1] };
    }

    /// <summary>For minutes on two cores.</summary>
    public static TinyMemTrainingOptions Small(TinyMemOptions data)
    {
        ArgumentNullException.ThrowIfNull(data);
        return new() { BatchRows = 8, Epochs = data.Kind is null ? 30 : 60 };
    }

    /// <summary>Returns these options, or says which is wrong.</summary>
    /// <exception cref="UserException">A number is out of its range.</exception>
    public TinyMemTrainingOptions Validated()
    {
        string? wrong = Least("layers", Layers) ?? Least("heads", Heads) ?? Least("width", Width)
            ?? Least("batch_rows", BatchRows) ?? Least("epochs", Epochs)
            ?? Least("evaluate_every", EvaluateEvery) ?? Least("checkpoint_every", CheckpointEvery)
            ?? (InitialDeviation is null or > 0 ? null
                : $"initial_deviation is {InitialDeviation}; expected more than 0")
            ?? (Keep.All(e => e >= 1 && e < Epochs) ? null
                : $"keep names epoch {Keep.First(e => e < 1 || e >= Epochs)}; expected 1 to {Epochs - 1}")
            ?? (Regulariser is null || RegulariserCatalog.Names.Contains(Regulariser) ? null
                : $"{Quoted.Name(Regulariser)} is no regulariser; expected one of "
                    + string.Join(", ", RegulariserCatalog.Names))
            ?? Optimizer.Problem();
        return wrong is null ? this : throw new UserException($"{wrong}.");
    }

    static string? Least(string field, int value)
        => value >= 1 ? null : $"{field} is {value}; expected at least 1";

    /// <summary>The sizes of the model for a data set.</summary>
    internal ModelConfig Sizes(TinyMemDataset data) => new ModelConfig
    {
        VocabSize = data.VocabSize, ContextLength = data.Options.Context, Width = Width, Layers = Layers,
        Heads = Heads, Activation = Activation.Relu, ResidualDropout = 0, EmbeddingDropout = 0,
        AttentionDropout = 0, BosToken = data.Padding is null ? null : MathAlphabet.Bos,
        EosToken = data.Padding is null ? null : MathAlphabet.Eos,
    }.Validated("TinyMem model");

    /// <summary>Gives a model its first weights.</summary>
    internal void Initialize(LanguageModel model)
        => model.Initialize(Seed, InitialDeviation ?? 0.8f / MathF.Sqrt(Width));
}
