using System.Text.Json.Serialization;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Unlearn;

/// <summary>
/// Options of the training of a TinyMem model (arXiv 2410.02159). The defaults are the published
/// hyper-parameters.
/// </summary>
public sealed record TinyMemTrainingOptions
{
    /// <summary>Number of layers L: 2, 4, 8 or 16 in the published runs.</summary>
    public int Layers { get; init; } = 4;

    /// <summary>Number of attention heads H.</summary>
    public int Heads { get; init; } = 4;

    /// <summary>Width C of the stream; the feed-forward blocks have 4 C neurons, with ReLU.</summary>
    public int Width { get; init; } = 128;

    /// <summary>
    /// Standard deviation of the first weights; null for 0.8 / sqrt(C). Projections into the stream have it
    /// divided by sqrt(2L), as in GPT-2.
    /// </summary>
    public float? InitialDeviation { get; init; }

    /// <summary>Number of rows per step.</summary>
    public int BatchRows { get; init; } = 128;

    /// <summary>Number of passes over the training rows.</summary>
    public int Epochs { get; init; } = 3500;

    /// <summary>
    /// AdamW options: constant rate 1e-3, betas 0.9 and 0.98, weight decay 0.1 for every parameter.
    /// </summary>
    public AdamWOptions Optimizer { get; init; } = new()
    {
        LearningRate = 1e-3f, Beta1 = 0.9f, Beta2 = 0.98f, WeightDecay = 0.1f, DecayOnlyMatrices = false,
    };

    /// <summary>
    /// Numbers N of the epochs whose model is kept as <c>epoch-N</c>, in addition to the last.
    /// </summary>
    public IReadOnlyList<int> Keep { get; init; } = [];

    /// <summary>Number of epochs between measurements of memorisation and accuracy.</summary>
    public int EvaluateEvery { get; init; } = 10;

    /// <summary>Number of epochs between checkpoints.</summary>
    public int CheckpointEvery { get; init; } = 10;

    /// <summary>
    /// Name of the regulariser, from <see cref="RegulariserCatalog.Names"/>; null for none.
    /// </summary>
    public string? Regulariser { get; init; }

    /// <summary>The form of the regulariser.</summary>
    public MethodForm Form { get; init; }

    /// <summary>Option values of the regulariser.</summary>
    [JsonConverter(typeof(RegulariserSettingsJson))]
    public MethodSettings RegulariserOptions { get; init; } = new();

    /// <summary>Seed of the first weights and the order of rows.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>
    /// Returns the options of the published runs: their epochs, and the epochs whose models were unlearned.
    /// </summary>
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

    /// <summary>Returns options for a training of minutes on two cores.</summary>
    public static TinyMemTrainingOptions Small(TinyMemOptions data)
    {
        ArgumentNullException.ThrowIfNull(data);
        return new() { BatchRows = 8, Epochs = data.Kind is null ? 30 : 60 };
    }

    /// <summary>Checks the options and returns them.</summary>
    /// <exception cref="UserException">A number is outside its range.</exception>
    public TinyMemTrainingOptions Validated()
    {
        string? wrong = Least("layers", Layers) ?? Least("heads", Heads) ?? Least("width", Width)
            ?? Least("batch_rows", BatchRows) ?? Least("epochs", Epochs)
            ?? Least("evaluate_every", EvaluateEvery) ?? Least("checkpoint_every", CheckpointEvery)
            ?? (InitialDeviation is null or > 0 ? null
                : $"{Field.Of("initial_deviation")} is {InitialDeviation}; expected more than 0")
            ?? (Keep.All(e => e >= 1 && e < Epochs) ? null
                : $"{Field.Of("keep")} names epoch {Keep.First(e => e < 1 || e >= Epochs)}; expected 1 to "
                    + $"{Epochs - 1}")
            ?? (Regulariser is null || RegulariserCatalog.Names.Contains(Regulariser) ? null
                : $"{Quoted.Name(Regulariser)} is no regulariser; expected one of "
                    + string.Join(", ", RegulariserCatalog.Names))
            ?? (Optimizer.Problem() is { } problem ? Field.First(problem) : null);
        return wrong is null ? this : throw new UserException($"{wrong}.");
    }

    static string? Least(string field, int value)
        => value >= 1 ? null : $"{Field.Of(field)} is {value}; expected at least 1";

    /// <summary>Returns the sizes of the model for a data set.</summary>
    internal ModelConfig Sizes(TinyMemDataset data) => new ModelConfig
    {
        VocabSize = data.VocabSize, ContextLength = data.Options.Context, Width = Width, Layers = Layers,
        Heads = Heads, Activation = Activation.Relu, ResidualDropout = 0, EmbeddingDropout = 0,
        AttentionDropout = 0, BosToken = data.Padding is null ? null : MathAlphabet.Bos,
        EosToken = data.Padding is null ? null : MathAlphabet.Eos,
    }.Validated("TinyMem model");

    /// <summary>Initialises the weights of a model.</summary>
    internal void Initialize(LanguageModel model)
        => model.Initialize(Seed, InitialDeviation ?? 0.8f / MathF.Sqrt(Width));
}
