using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Lens;

/// <summary>
/// Where lenses come from: a folder, or the word <c>logit</c> for the model's own unembedding. Layers are
/// loaded when they are asked for, so that a lens larger than memory can be read a layer at a time.
/// </summary>
public sealed class LensSource
{
    /// <summary>The word for the lens that is not learned; a folder of this name is <c>./logit</c>.</summary>
    public const string Logit = "logit";

    readonly string? _folder;
    readonly string _modelHash;

    LensSource(string? folder, string modelHash, LensOptions options, IReadOnlyList<int> layers,
        LensMetadata? facts)
    {
        (_folder, _modelHash, Options) = (folder, modelHash, options);
        (Layers, Facts) = (layers, facts);
    }

    /// <summary>Which lens.</summary>
    public LensOptions Options { get; }

    /// <summary>The layers that have one, rising.</summary>
    public IReadOnlyList<int> Layers { get; }

    /// <summary>What the folder says of it; null for the logit lens.</summary>
    public LensMetadata? Facts { get; }

    /// <summary>Whether it says anything of single heads.</summary>
    public bool ReadsHeads => Options.Kind != LensKind.Tuned;

    /// <summary>
    /// The untrained lens that a reading of this one is held against: what heads write, or for a tuned lens
    /// the stream, through the model's own unembedding.
    /// </summary>
    public LensOptions Baseline
        => new() { Kind = Options.Kind == LensKind.Tuned ? LensKind.Tuned : LensKind.Logit };

    /// <summary>Whether it is its own baseline.</summary>
    public bool IsBaseline => _folder is null;

    /// <summary>Finds a lens and checks that it is the model's; tensors are not read.</summary>
    /// <param name="lens">A folder, or <see cref="Logit"/>.</param>
    /// <param name="config">The model's sizes.</param>
    /// <param name="modelHash">The model's hash.</param>
    /// <exception cref="UserException">It is missing, damaged or another model's.</exception>
    public static LensSource Find(string lens, ModelConfig config, string modelHash)
    {
        ArgumentNullException.ThrowIfNull(config);
        if (lens == Logit)
            return new(null, modelHash, new LensOptions { Kind = LensKind.Logit },
                [.. Enumerable.Range(0, config.Layers)], null);
        LensMetadata facts = LensFolder.ReadFacts(lens);
        LensFolder.RequireFor(lens, facts, config, modelHash);
        return new(lens, modelHash, facts.Lens, facts.Layers, facts);
    }

    /// <summary>Loads layers.</summary>
    /// <param name="model">Whose heads they read.</param>
    /// <param name="layers">Which, of <see cref="Layers"/>.</param>
    /// <param name="positions">Positions whose features are made at once, at most.</param>
    /// <exception cref="UserException">They are damaged or do not fit the device.</exception>
    public LensSet Load(LanguageModel model, IReadOnlyList<int> layers, int positions)
        => _folder is null ? LensSet.Initial(model, Options, layers, positions)
            : LensFolder.Load(model, _modelHash, _folder, layers, positions);
}
