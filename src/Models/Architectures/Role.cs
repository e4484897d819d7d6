namespace HeadTap.Models;

/// <summary>
/// What a parameter does in a decoder, whatever its checkpoint calls it. Shapes are those in memory, matrices
/// [inputs, outputs]; V, C, I, and context as in docs/notation.md.
/// </summary>
public enum Role
{
    /// <summary>W_E [V, C].</summary>
    TokenEmbedding,

    /// <summary>W_pos [context, C], learned.</summary>
    PositionEmbedding,

    /// <summary>Gain of the LayerNorm before attention [C].</summary>
    Norm1Weight,

    /// <summary>Shift of the LayerNorm before attention [C].</summary>
    Norm1Bias,

    /// <summary>Queries, keys and values side by side, each with its heads side by side [C, 3C].</summary>
    QkvWeight,

    /// <summary>[3C]</summary>
    QkvBias,

    /// <summary>W_O of all heads, head h in rows hD to (h+1)D [C, C].</summary>
    ProjWeight,

    /// <summary>b_O [C].</summary>
    ProjBias,

    /// <summary>Gain of the LayerNorm before the feed-forward block [C].</summary>
    Norm2Weight,

    /// <summary>Shift of the LayerNorm before the feed-forward block [C].</summary>
    Norm2Bias,

    /// <summary>Into the feed-forward block: column i is what neuron i reads [C, I].</summary>
    MlpInWeight,

    /// <summary>[I]</summary>
    MlpInBias,

    /// <summary>Out of the feed-forward block: row i is what neuron i writes [I, C].</summary>
    MlpOutWeight,

    /// <summary>[C]</summary>
    MlpOutBias,

    /// <summary>Gain of the final LayerNorm [C].</summary>
    FinalNormWeight,

    /// <summary>Shift of the final LayerNorm [C].</summary>
    FinalNormBias,

    /// <summary>W_U transposed [V, C], where the head is not the token embedding.</summary>
    HeadWeight,

    /// <summary>b_U [V], where the model has one.</summary>
    HeadBias,
}

/// <summary>What can be said of a role without knowing the architecture.</summary>
public static class Roles
{
    /// <summary>The feed-forward block's parameters, in checkpoint order.</summary>
    public static IReadOnlyList<Role> Mlp { get; } =
        [Role.MlpInWeight, Role.MlpInBias, Role.MlpOutWeight, Role.MlpOutBias];

    /// <summary>Whether each block has its own.</summary>
    public static bool InBlock(this Role role) => role is >= Role.Norm1Weight and <= Role.MlpOutBias;

    /// <summary>Whether it is the gain of a LayerNorm, 1 in a new model.</summary>
    public static bool IsNormGain(this Role role)
        => role is Role.Norm1Weight or Role.Norm2Weight or Role.FinalNormWeight;

    /// <summary>Whether it is a matrix whose product is added to the residual stream.</summary>
    public static bool WritesToStream(this Role role) => role is Role.ProjWeight or Role.MlpOutWeight;

    /// <summary>Whether a model of these sizes and options has it.</summary>
    internal static bool IsIn(this Role role, ModelConfig config) => role switch
    {
        Role.HeadWeight => !config.TiedHead,
        Role.HeadBias => config.HeadBias,
        _ => true,
    };

    /// <summary>Its extents in memory.</summary>
    internal static int[] Shape(this Role role, ModelConfig config)
    {
        int C = config.Width, I = config.Inner, V = config.VocabSize;
        return role switch
        {
            Role.TokenEmbedding or Role.HeadWeight => [V, C],
            Role.PositionEmbedding => [config.ContextLength, C],
            Role.QkvWeight => [C, 3 * C],
            Role.QkvBias => [3 * C],
            Role.ProjWeight => [C, C],
            Role.MlpInWeight => [C, I],
            Role.MlpInBias => [I],
            Role.MlpOutWeight => [I, C],
            Role.HeadBias => [V],
            _ => [C],
        };
    }
}
