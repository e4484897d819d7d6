using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Lens;

/// <summary>
/// Source of lenses: a folder, or the word <c>logit</c> for the logit lens. Layers are loaded on request, so
/// a lens larger than memory can be read layer by layer.
/// </summary>
public sealed class LensSource
{
    /// <summary>
    /// Name of the logit lens, which is not learned; write <c>./logit</c> for a folder of this name.
    /// </summary>
    public const string Logit = "logit";

    readonly string? _folder;
    readonly string _modelHash;

    LensSource(string? folder, string modelHash, LensOptions options, IReadOnlyList<int> layers,
        LensMetadata? facts)
    {
        (_folder, _modelHash, Options) = (folder, modelHash, options);
        (Layers, Facts) = (layers, facts);
    }

    /// <summary>Kind, rank and initial values of the lens.</summary>
    public LensOptions Options { get; }

    /// <summary>Layers that have a lens, ascending.</summary>
    public IReadOnlyList<int> Layers { get; }

    /// <summary>Metadata from the folder; null for the logit lens.</summary>
    public LensMetadata? Facts { get; }

    /// <summary>
    /// Whether the lens was trained on what the removal of heads changes, so the sum of its heads predicts
    /// nothing.
    /// </summary>
    public bool LearnsRemovals => Facts?.Training?["ablation"] is not null;

    /// <summary>Whether the lens gives logits for single heads.</summary>
    public bool ReadsHeads => Options.ReadsHeads;

    /// <summary>
    /// Whether the reading of a whole layer is that of the residual stream, not of the sum of its heads.
    /// </summary>
    public bool ReadsStream => Options.Kind is LensKind.Tuned or LensKind.Jacobian;

    /// <summary>
    /// The untrained lens that readings of this lens are compared with: the model's own unembedding of what
    /// heads write or, for a tuned or Jacobian lens, of the stream.
    /// </summary>
    public LensOptions Baseline => Options.Kind is LensKind.Tuned or LensKind.Jacobian ? Options.Untrained
        : new() { Kind = LensKind.Logit };

    /// <summary>Whether the lens is its own baseline, as the logit lens is.</summary>
    public bool IsBaseline => _folder is null;

    /// <summary>Finds a lens and checks that it was made for the model; tensors are not read.</summary>
    /// <param name="lens">Path of a folder, or <see cref="Logit"/>.</param>
    /// <param name="config">Configuration of the model.</param>
    /// <param name="modelHash"><see cref="ModelFolder.Hash"/> of the model.</param>
    /// <exception cref="UserException">The lens is missing, damaged or made for another model.</exception>
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

    /// <summary>Loads the lenses of the given layers.</summary>
    /// <param name="model">The model that the lenses read.</param>
    /// <param name="layers">Layers to load, out of <see cref="Layers"/>.</param>
    /// <param name="positions">Largest number of positions whose features are made at once.</param>
    /// <exception cref="UserException">The lenses are damaged or do not fit the device.</exception>
    public LensSet Load(LanguageModel model, IReadOnlyList<int> layers, int positions)
        => _folder is null ? LensSet.Initial(model, Options, layers, positions)
            : LensFolder.Load(model, _modelHash, _folder, layers, positions);
}
