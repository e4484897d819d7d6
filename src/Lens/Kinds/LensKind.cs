using System.Text.Json.Serialization;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Lens;

/// <summary>Kinds of lenses: the activations of a layer that they read, and the size of their maps.</summary>
public enum LensKind
{
    /// <summary>
    /// An affine map from each head's result to the vocabulary, [C, V] per head: LensA of the reference.
    /// </summary>
    Head,

    /// <summary>
    /// An affine map from each head's z to the vocabulary, [D, V] per head: H times fewer parameters.
    /// </summary>
    Thin,

    /// <summary>
    /// A map of rank r from each head's result to the vocabulary: [C, r] and [r, V] per head.
    /// </summary>
    LowRank,

    /// <summary>One affine map for the results of all heads of a layer, [C, V].</summary>
    Shared,

    /// <summary>
    /// One map per head and one for the residual stream that the heads write to, both on inputs divided by
    /// that stream's norm.
    /// </summary>
    Residual,

    /// <summary>
    /// An affine map of the residual stream before the layer, followed by the model's final LayerNorm and
    /// unembedding (Belrose et al. 2023).
    /// </summary>
    Tuned,

    /// <summary>
    /// The mean derivative of the last residual stream by a layer's, followed by the model's final LayerNorm
    /// and unembedding (Gurnee et al. 2026). It is fitted from gradients and not trained.
    /// </summary>
    Jacobian,

    /// <summary>
    /// A map from each head's z to the last residual stream, [D, C] per head, followed by the model's final
    /// LayerNorm and unembedding, trained to say what the removal of the head changes.
    /// </summary>
    Effect,

    /// <summary>The logit lens: heads' results times the model's unembedding; nothing is learned.</summary>
    Logit,
}

/// <summary>Initial weights of a lens.</summary>
public enum LensInitial
{
    /// <summary>
    /// W_U and b_U with the final LayerNorm folded in, centred over C and over V, as in the reference.
    /// </summary>
    Folded,

    /// <summary>W_U as the checkpoint has it, and its bias if there is one.</summary>
    Raw,

    /// <summary>Zeros: every token is equally likely.</summary>
    Zero,

    /// <summary>
    /// The folded W_U behind a Jacobian lens, W_U J: of the layer's resid_mid for lenses of heads, of the
    /// layer before's resid_post for a tuned lens.
    /// </summary>
    Jacobian,
}

/// <summary>Initial bias of each head.</summary>
public enum LensBias
{
    /// <summary>b_U for each head, so the sum over heads begins with H b_U, as in the reference.</summary>
    PerHead,

    /// <summary>b_U / H for each head, so the sum begins with b_U.</summary>
    Divided,

    /// <summary>Zero, and not trained: the lens is linear.</summary>
    None,
}

/// <summary>Options that define an untrained lens.</summary>
public sealed record LensOptions
{
    /// <summary>What the lens reads, and the size of its map.</summary>
    public required LensKind Kind { get; init; }

    /// <summary>Rank r of <see cref="LensKind.LowRank"/>; 1 to C.</summary>
    public int Rank { get; init; } = 64;

    /// <summary>
    /// Initial weights; a tuned lens begins as the logit lens unless they are
    /// <see cref="LensInitial.Jacobian"/>.
    /// </summary>
    public LensInitial Initial { get; init; }

    /// <summary>
    /// Folder of the lens of <see cref="LensInitial.Jacobian"/>; null for others, and for a lens that was
    /// read from its file.
    /// </summary>
    [JsonIgnore]
    public string? InitialLens { get; init; }

    /// <summary>SHA-256 of that lens' file; null for others.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? InitialHash { get; init; }

    /// <summary>Initial bias of each head.</summary>
    public LensBias Bias { get; init; }

    /// <summary>
    /// The stream that a lens of kind <see cref="LensKind.Jacobian"/> reads; null for other kinds.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public JacobianSite? Site { get; init; }

    /// <summary>Whether the lens gives logits for single heads.</summary>
    [JsonIgnore]
    public bool ReadsHeads => Kind != LensKind.Tuned && Site != JacobianSite.ResidPost;

    /// <summary>
    /// The untrained lens that a trained lens is compared with; it reads the same activations.
    /// </summary>
    [JsonIgnore]
    public LensOptions Untrained => new()
    {
        Kind = Kind is LensKind.Tuned or LensKind.Residual or LensKind.Jacobian or LensKind.Effect ? Kind
            : LensKind.Logit,
        Site = Site,
    };

    /// <summary>Checks that a model can have such a lens.</summary>
    /// <exception cref="UserException">The rank is not 1 to C, or the lens would be a logit lens of
    /// zeros.</exception>
    public void RequireFits(ModelConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        if (Kind == LensKind.LowRank && (Rank < 1 || Rank > config.Width))
            throw new UserException($"{Field.Of(nameof(Rank))} is {Rank}; expected 1 to the model's width "
                + $"{config.Width}");
        if (Kind == LensKind.Jacobian == Site is null)
            throw new UserException("a Jacobian lens reads one of the sites resid_mid and resid_post, and no "
                + "other kind has a site");
        if (Kind == LensKind.Logit && Initial == LensInitial.Zero)
            throw new UserException("a logit lens of zeros says nothing; expected folded or raw");
    }
}
