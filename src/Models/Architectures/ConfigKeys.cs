using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>
/// What an architecture's <c>config.json</c> calls the sizes and options of a model, and what holds where a
/// key is absent.
/// </summary>
public sealed record ConfigKeys
{
    /// <summary>Key of <see cref="ModelConfig.VocabSize"/>.</summary>
    public string VocabSize { get; init; } = "vocab_size";

    /// <summary>Key of <see cref="ModelConfig.ContextLength"/>.</summary>
    public required string ContextLength { get; init; }

    /// <summary>An older key of the same, written too; null for none.</summary>
    public string? OlderContextLength { get; init; }

    /// <summary>
    /// nanoGPT's key of the same; null for none. A config with it alone is nanoGPT's, whose nonlinearity is
    /// the exact GELU where it names none.
    /// </summary>
    public string? NanoGptContextLength { get; init; }

    /// <summary>Key of <see cref="ModelConfig.Width"/>.</summary>
    public required string Width { get; init; }

    /// <summary>Key of <see cref="ModelConfig.Layers"/>.</summary>
    public required string Layers { get; init; }

    /// <summary>Key of <see cref="ModelConfig.Heads"/>.</summary>
    public required string Heads { get; init; }

    /// <summary>Key of <see cref="ModelConfig.Inner"/>; null or absent means 4 C.</summary>
    public required string Inner { get; init; }

    /// <summary>Key of <see cref="ModelConfig.Activation"/>.</summary>
    public required string Activation { get; init; }

    /// <summary>The nonlinearity where the key is absent.</summary>
    public Activation AbsentActivation { get; init; } = Runtime.Activation.GeluTanh;

    /// <summary>Key of <see cref="ModelConfig.LayerNormEpsilon"/>; 1e-5 where absent.</summary>
    public required string LayerNormEpsilon { get; init; }

    /// <summary>Key of <see cref="ModelConfig.TiedHead"/>.</summary>
    public string TiedHead { get; init; } = "tie_word_embeddings";

    /// <summary>Whether the head is tied where the key is absent.</summary>
    public bool AbsentTiedHead { get; init; } = true;

    /// <summary>Key of <see cref="ModelConfig.ScaleAttention"/>, which is true where it is null or
    /// absent.</summary>
    public string? ScaleAttention { get; init; }

    /// <summary>Key of <see cref="ModelConfig.ScaleAttentionByLayer"/>, which is false where it is null or
    /// absent.</summary>
    public string? ScaleAttentionByLayer { get; init; }

    /// <summary>
    /// Key of <see cref="ModelConfig.RotaryNumbers"/> as a share of the head's; null where positions do not
    /// turn anything. Where the key is absent, <c>partial_rotary_factor</c> of <c>rope_parameters</c> holds.
    /// </summary>
    public string? RotaryShare { get; init; }

    /// <summary>The share where both are absent.</summary>
    public float AbsentRotaryShare { get; init; } = 1;

    /// <summary>Key of <see cref="ModelConfig.RotaryBase"/>, else <c>rope_theta</c> of
    /// <c>rope_parameters</c>, else 10,000.</summary>
    public string RotaryBase { get; init; } = "rotary_emb_base";

    /// <summary>Key of <see cref="ModelConfig.ParallelResidual"/>, which is true where it is absent; null
    /// where blocks are sequential.</summary>
    public string? ParallelResidual { get; init; }

    /// <summary>Whether <see cref="Inner"/> is written where it is 4 C: readers that take its absence for
    /// something else.</summary>
    public bool WritesInner { get; init; }

    /// <summary>Key of <see cref="ModelConfig.ResidualDropout"/>.</summary>
    public required string ResidualDropout { get; init; }

    /// <summary>Key of <see cref="ModelConfig.EmbeddingDropout"/>.</summary>
    public required string EmbeddingDropout { get; init; }

    /// <summary>Key of <see cref="ModelConfig.AttentionDropout"/>.</summary>
    public required string AttentionDropout { get; init; }

    /// <summary>Each dropout where its key is absent.</summary>
    public float AbsentDropout { get; init; }

    /// <summary>Options that change the model in a way that we do not compute: true is refused.</summary>
    public IReadOnlyList<string> Refused { get; init; } = [];

    /// <summary>Options without which the model has other parameters: false is refused.</summary>
    public IReadOnlyList<string> Needed { get; init; } = [];

    /// <summary>
    /// Keys that are written with one value for every model, as JSON texts: what other readers expect.
    /// </summary>
    public IReadOnlyDictionary<string, string> Constants { get; init; } = new Dictionary<string, string>();
}
