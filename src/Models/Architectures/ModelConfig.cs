using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>The sizes and options of a GPT-2 architecture model. Defaults are the published
/// models'.</summary>
public sealed partial record ModelConfig
{
    const int MostLayers = 1024;

    int _inner;

    /// <summary>V: token ids are 0 to V - 1.</summary>
    public required int VocabSize { get; init; }

    /// <summary>The longest sequence in tokens.</summary>
    public required int ContextLength { get; init; }

    /// <summary>C: width of the residual stream.</summary>
    public required int Width { get; init; }

    /// <summary>L: number of blocks.</summary>
    public required int Layers { get; init; }

    /// <summary>H: attention heads per block.</summary>
    public required int Heads { get; init; }

    /// <summary>Width of the feed-forward block; 4 C unless set.</summary>
    public int Inner
    {
        get => _inner != 0 ? _inner : 4 * Width;
        init => _inner = value;
    }

    /// <summary>The feed-forward block's nonlinearity.</summary>
    public Activation Activation { get; init; } = Activation.GeluTanh;

    /// <summary>Added to the variance in every LayerNorm.</summary>
    public float LayerNormEpsilon { get; init; } = 1e-5f;

    /// <summary>Whether the head shares the token embedding; otherwise it has
    /// <c>lm_head.weight</c>.</summary>
    public bool TiedHead { get; init; } = true;

    /// <summary>
    /// Whether the head adds <c>lm_head.bias</c>. No published GPT-2 has one; folding LayerNorm makes it
    /// (<see cref="WeightProcessing"/>).
    /// </summary>
    public bool HeadBias { get; init; }

    /// <summary>Whether scores are divided by the root of the head width.</summary>
    public bool ScaleAttention { get; init; } = true;

    /// <summary>Share dropped from what blocks add, in training.</summary>
    public float ResidualDropout { get; init; } = 0.1f;

    /// <summary>Share dropped from the embedding, in training.</summary>
    public float EmbeddingDropout { get; init; } = 0.1f;

    /// <summary>Share dropped from attention weights, in training.</summary>
    public float AttentionDropout { get; init; } = 0.1f;

    /// <summary>The token that begins a text; null if the vocabulary has none.</summary>
    public int? BosToken { get; init; }

    /// <summary>The token that ends a text; null if the vocabulary has none.</summary>
    public int? EosToken { get; init; }

    /// <summary>D: width of one head.</summary>
    public int HeadWidth => Width / Heads;

    /// <summary>GPT-2 with 124 million parameters.</summary>
    public static ModelConfig Gpt2Small { get; } = Published(12, 12, 768);

    /// <summary>GPT-2 with 355 million parameters.</summary>
    public static ModelConfig Gpt2Medium { get; } = Published(24, 16, 1024);

    /// <summary>GPT-2 with 774 million parameters.</summary>
    public static ModelConfig Gpt2Large { get; } = Published(36, 20, 1280);

    /// <summary>GPT-2 with 1.56 billion parameters.</summary>
    public static ModelConfig Gpt2Xl { get; } = Published(48, 25, 1600);

    /// <summary>DistilGPT2, 82 million parameters.</summary>
    public static ModelConfig DistilGpt2 { get; } = Published(6, 12, 768);

    /// <summary>A model for tests; no size divides another by accident.</summary>
    public static ModelConfig Tiny { get; } =
        new() { VocabSize = 61, ContextLength = 16, Width = 32, Layers = 2, Heads = 4 };

    /// <summary>Returns this config, or says which size is wrong.</summary>
    /// <param name="source">Where the config came from; begins the message.</param>
    /// <exception cref="UserException">A size is not usable.</exception>
    public ModelConfig Validated(string source = "model config")
    {
        string? wrong =
            OutOfRange("vocab_size", VocabSize, 1 << 24) ?? OutOfRange("n_positions", ContextLength, 1 << 24)
            ?? OutOfRange("n_embd", Width, 1 << 16) ?? OutOfRange("n_layer", Layers, MostLayers)
            ?? OutOfRange("n_head", Heads, 1 << 16) ?? OutOfRange("n_inner", Inner, 1 << 20)
            ?? NotShare("resid_pdrop", ResidualDropout) ?? NotShare("embd_pdrop", EmbeddingDropout)
            ?? NotShare("attn_pdrop", AttentionDropout)
            ?? (Width % Heads != 0 ? $"n_embd {Width} is not divisible by n_head {Heads}" : null)
            ?? (LayerNormEpsilon is > 0 and < 1 ? null
                : $"layer_norm_epsilon is {LayerNormEpsilon}; expected a small positive number")
            // Every parameter fits a Span; the largest published one has 80 million elements.
            ?? TooLong("vocab_size x n_embd", VocabSize) ?? TooLong("n_positions x n_embd", ContextLength)
            ?? TooLong("3 x n_embd x n_embd", 3L * Width) ?? TooLong("n_inner x n_embd", Inner);
        return wrong is null ? this : throw new UserException($"{Quoted.Path(source)}: {wrong}.");
    }

    static string? OutOfRange(string field, int value, int most) =>
        value >= 1 && value <= most ? null : $"{field} is {value}; expected 1 to {most}";

    static string? NotShare(string field, float value) =>
        value is >= 0 and < 1 ? null : $"{field} is {value}; expected 0 to 1";

    string? TooLong(string what, long factor) =>
        factor * Width <= Array.MaxLength ? null
            : $"{what} is {factor * Width}; expected at most {Array.MaxLength}";

    static ModelConfig Published(int layers, int heads, int width) => new()
    {
        VocabSize = 50257, ContextLength = 1024, Width = width, Layers = layers, Heads = heads,
        BosToken = 50256, EosToken = 50256,
    };
}
