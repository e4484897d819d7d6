namespace HeadTap.Circuits;

/// <summary>What adds to the residual stream, or to the logits directly.</summary>
public enum LogitPartKind
{
    /// <summary>The token's embedding.</summary>
    Embed,

    /// <summary>The position's embedding.</summary>
    PosEmbed,

    /// <summary>What one head writes, <c>z_h W_O[h]</c>.</summary>
    Head,

    /// <summary>The bias of a block's attention, b_O.</summary>
    AttnBias,

    /// <summary>What a feed-forward block writes, bias apart.</summary>
    Mlp,

    /// <summary>What one neuron of a feed-forward block writes.</summary>
    Neuron,

    /// <summary>What all other neurons of that block write.</summary>
    OtherNeurons,

    /// <summary>The output bias of a feed-forward block.</summary>
    MlpBias,

    /// <summary>The shift of the final LayerNorm.</summary>
    FinalNormBias,

    /// <summary>The bias of the unembedding.</summary>
    UnembedBias,
}

/// <summary>A summand of a logit, or of a difference of two logits.</summary>
/// <param name="Kind">What writes it.</param>
/// <param name="Layer">Block, from 0; null outside the blocks.</param>
/// <param name="Index">Head or neuron, from 0; null where the kind has none.</param>
/// <param name="Value">What it adds to the logit.</param>
public sealed record LogitPart(LogitPartKind Kind, int? Layer, int? Index, double Value)
{
    /// <summary>The name in outputs: <c>head 2.1</c>, <c>mlp 3</c>, <c>embed</c>.</summary>
    public string Name => Word(Kind) + (Layer is { } l ? $" {l}" : "") + (Index is { } i ? $".{i}" : "");

    /// <summary>The word of a kind in outputs.</summary>
    public static string Word(LogitPartKind kind) => kind switch
    {
        LogitPartKind.Embed => "embed",
        LogitPartKind.PosEmbed => "pos_embed",
        LogitPartKind.Head => "head",
        LogitPartKind.AttnBias => "attn_bias",
        LogitPartKind.Mlp => "mlp",
        LogitPartKind.Neuron => "neuron",
        LogitPartKind.OtherNeurons => "other_neurons",
        LogitPartKind.MlpBias => "mlp_bias",
        LogitPartKind.FinalNormBias => "ln_final_bias",
        _ => "unembed_bias",
    };
}
