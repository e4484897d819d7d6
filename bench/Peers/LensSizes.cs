using HeadTap.Lens;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Peers;

/// <summary>What a comparison of lens training steps is about.</summary>
/// <param name="Name">As the table names it.</param>
/// <param name="Kind">Head, [C, V] a head, or thin, [D, V] a head.</param>
/// <param name="Positions">n: tokens of the one text of a step, each of which is trained on.</param>
/// <param name="Model">All layers of it are trained.</param>
sealed record LensSizes(string Name, LensKind Kind, int Positions, ModelConfig Model)
{
    /// <summary>lr; beta and epsilon are Adam's own.</summary>
    public const float LearningRate = 1e-3f;

    // One block, so that the lens is what is timed: twelve, with head lenses, do not fit 24 GiB.
    static readonly ModelConfig s_layer = Gpt2.Small with { Layers = 1 },
        s_atlas = new() { VocabSize = 2540, ContextLength = 1024, Width = 192, Layers = 5, Heads = 6 };

    /// <summary>What is compared; an index is what --shape names.</summary>
    public static IReadOnlyList<LensSizes> All { get; } =
    [
        new("head, a layer as GPT-2 small's", LensKind.Head, 32, s_layer),
        new("head, a layer as GPT-2 small's", LensKind.Head, 1024, s_layer),
        new("thin, a layer as GPT-2 small's", LensKind.Thin, 32, s_layer),
        new("thin, a layer as GPT-2 small's", LensKind.Thin, 1024, s_layer),
        new("head, all layers, sizes of atlas", LensKind.Head, 32, s_atlas),
        new("head, all layers, sizes of atlas", LensKind.Head, 1024, s_atlas),
        new("thin, all layers, sizes of atlas", LensKind.Thin, 32, s_atlas),
        new("thin, all layers, sizes of atlas", LensKind.Thin, 1024, s_atlas),
    ];

    /// <summary>Bytes of all layers' matrices to the vocabulary.</summary>
    public long WeightBytes => 4L * Model.Layers * Model.VocabSize * Model.Width
        * (Kind == LensKind.Head ? Model.Heads : 1);

    /// <summary>Bytes of one matrix of logits.</summary>
    public long LogitBytes => 4L * Positions * Model.VocabSize;

    /// <summary>The text, the same in every process.</summary>
    public int[] Text()
    {
        var random = new SeededRandom(2);
        return [.. Enumerable.Range(0, Positions).Select(_ => random.Next(Model.VocabSize))];
    }

    /// <summary>The model, random and the same in every process.</summary>
    public LanguageModel NewModel(ComputeDevice device)
    {
        var model = new LanguageModel(device, Model);
        model.Initialize(1);
        return model;
    }
}
