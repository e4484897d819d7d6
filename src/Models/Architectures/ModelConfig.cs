using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>The sizes and options of a model. Defaults are the published GPT-2 models'.</summary>
public sealed partial record ModelConfig
{
    const int MostLayers = 1024;

    int _inner;

    /// <summary>Which family of decoders it belongs to: parameter names and config keys.</summary>
    public Architecture Architecture { get; init; } = Gpt2.Architecture;

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

    /// <summary>Whether the head is the token embedding; otherwise it has a matrix of its own.</summary>
    public bool TiedHead { get; init; } = true;

    /// <summary>
    /// Whether the head adds a bias. No published GPT-2 has one; folding LayerNorm makes it
    /// (<see cref="WeightProcessing"/>).
    /// </summary>
    public bool HeadBias { get; init; }

    /// <summary>Whether scores are divided by the root of the head width.</summary>
    public bool ScaleAttention { get; init; } = true;

    /// <summary>Whether scores of block l are divided by l + 1 too (Stanford CRFM's models).</summary>
    public bool ScaleAttentionByLayer { get; init; }

    /// <summary>
    /// m: how many of each head's D numbers positions turn, in the pairs (i, i + m/2) (rotary embedding, Su
    /// et
    /// al. 2021); 0 for none.
    /// </summary>
    public int RotaryNumbers { get; init; }

    /// <summary>Pair i turns by base^(-2i/m) a position.</summary>
    public float RotaryBase { get; init; } = 10_000;

    /// <summary>
    /// Whether attention and the feed-forward block of a block both read the stream into the block:
    /// x + attn(ln1 x) + mlp(ln2 x). Otherwise the second reads what the first has added to.
    /// </summary>
    public bool ParallelResidual { get; init; }

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

    /// <summary>What dot products of queries and keys of a block are multiplied by.</summary>
    public float ScoreScale(int layer)
        => (ScaleAttention ? 1f / MathF.Sqrt(HeadWidth) : 1f) / (ScaleAttentionByLayer ? layer + 1 : 1);

    /// <summary>A model for tests; no size divides another by accident.</summary>
    public static ModelConfig Tiny { get; } =
        new() { VocabSize = 61, ContextLength = 16, Width = 32, Layers = 2, Heads = 4 };

    /// <summary>Returns this config, or says which size is wrong.</summary>
    /// <param name="source">Where the config came from; begins the message.</param>
    /// <exception cref="UserException">A size is not usable.</exception>
    public ModelConfig Validated(string source = "model config") => Validated(source, Architecture.Config);

    /// <summary>As <see cref="Validated(string)"/>, with the sizes' own names where they come
    /// from.</summary>
    internal ModelConfig Validated(string source, ConfigKeys k)
    {
        string? wrong =
            OutOfRange(k.VocabSize, VocabSize, 1 << 24) ?? OutOfRange(k.ContextLength, ContextLength, 1 << 24)
            ?? OutOfRange(k.Width, Width, 1 << 16) ?? OutOfRange(k.Layers, Layers, MostLayers)
            ?? OutOfRange(k.Heads, Heads, 1 << 16) ?? OutOfRange(k.Inner, Inner, 1 << 20)
            ?? NotShare(k.ResidualDropout, ResidualDropout) ?? NotShare(k.EmbeddingDropout, EmbeddingDropout)
            ?? NotShare(k.AttentionDropout, AttentionDropout)
            ?? (Width % Heads != 0 ? $"{k.Width} {Width} is not divisible by {k.Heads} {Heads}" : null)
            ?? WrongRotary(k)
            ?? (LayerNormEpsilon is > 0 and < 1 ? null
                : $"{k.LayerNormEpsilon} is {LayerNormEpsilon}; expected a small positive number")
            // Every parameter fits a Span; the largest published one has 80 million elements.
            ?? TooLong($"{k.VocabSize} x {k.Width}", VocabSize)
            ?? TooLong($"{k.ContextLength} x {k.Width}", ContextLength)
            ?? TooLong($"3 x {k.Width} x {k.Width}", 3L * Width) ?? TooLong($"{k.Inner} x {k.Width}", Inner);
        return wrong is null ? this : throw new UserException($"{Quoted.Path(source)}: {wrong}.");
    }

    static string? OutOfRange(string field, int value, int most) =>
        value >= 1 && value <= most ? null : $"{field} is {value}; expected 1 to {most}";

    string? WrongRotary(ConfigKeys k) => RotaryNumbers == 0 ? null
        : RotaryNumbers % 2 != 0 || RotaryNumbers < 0 || RotaryNumbers > HeadWidth
            ? $"{k.RotaryShare} turns {RotaryNumbers} of a head's {HeadWidth} numbers; expected an even one"
        : RotaryBase is > 1 and < float.PositiveInfinity ? null
            : $"{k.RotaryBase} is {RotaryBase}; expected a finite number above 1";

    static string? NotShare(string field, float value) =>
        value is >= 0 and <= 1 ? null : $"{field} is {value}; expected 0 to 1";

    string? TooLong(string what, long factor) =>
        factor * Width <= Array.MaxLength ? null
            : $"{what} is {factor * Width}; expected at most {Array.MaxLength}";
}
