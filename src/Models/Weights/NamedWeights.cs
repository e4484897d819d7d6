
namespace HeadTap.Models;

/// <summary>
/// The parameters as properties, one a <see cref="Role"/>. <typeparamref name="T"/> is Tensor for weights,
/// and
/// Tensor? for gradients, where null says frozen.
/// </summary>
public sealed class NamedWeights<T> where T : class?
{
    internal NamedWeights(ParameterLayout parameters, Func<string, T> find)
    {
        TokenEmbedding = Of(Role.TokenEmbedding);
        PositionEmbedding = Optional(Role.PositionEmbedding);
        Layers = [.. Enumerable.Range(0, parameters.Config.Layers)
            .Select(l => new NamedBlock<T>(role => find(parameters[role, l].Name)))];
        FinalNormWeight = Of(Role.FinalNormWeight);
        FinalNormBias = Of(Role.FinalNormBias);
        Head = parameters.Config.TiedHead ? TokenEmbedding : Of(Role.HeadWeight);
        HeadBias = Optional(Role.HeadBias);

        T Of(Role role) => find(parameters[role].Name);
        T? Optional(Role role) => parameters.Find(role) is { } slice ? find(slice.Name) : null;
    }

    /// <summary>W_E [V, C].</summary>
    public T TokenEmbedding { get; }

    /// <summary>W_pos [context, C]; null where the architecture learns no positions.</summary>
    public T? PositionEmbedding { get; }

    /// <summary>The blocks.</summary>
    public IReadOnlyList<NamedBlock<T>> Layers { get; }

    /// <summary>Gain of the final LayerNorm [C].</summary>
    public T FinalNormWeight { get; }

    /// <summary>Shift of the final LayerNorm [C].</summary>
    public T FinalNormBias { get; }

    /// <summary>The head, W_U transposed [V, C]: its own matrix, or the token embedding when tied.</summary>
    public T Head { get; }

    /// <summary>b_U [V], where the model has one.</summary>
    public T? HeadBias { get; }
}

/// <summary>The parameters of one block.</summary>
public sealed class NamedBlock<T> where T : class?
{
    internal NamedBlock(Func<Role, T> find)
    {
        (Norm1Weight, Norm1Bias) = (find(Role.Norm1Weight), find(Role.Norm1Bias));
        (QkvWeight, QkvBias) = (find(Role.QkvWeight), find(Role.QkvBias));
        (ProjWeight, ProjBias) = (find(Role.ProjWeight), find(Role.ProjBias));
        (Norm2Weight, Norm2Bias) = (find(Role.Norm2Weight), find(Role.Norm2Bias));
        (MlpInWeight, MlpInBias) = (find(Role.MlpInWeight), find(Role.MlpInBias));
        (MlpOutWeight, MlpOutBias) = (find(Role.MlpOutWeight), find(Role.MlpOutBias));
    }

    /// <summary>Gain of the first LayerNorm [C].</summary>
    public T Norm1Weight { get; }

    /// <summary>Shift of the first LayerNorm [C].</summary>
    public T Norm1Bias { get; }

    /// <summary>Queries, keys and values side by side [C, 3C].</summary>
    public T QkvWeight { get; }

    /// <summary>[3C]</summary>
    public T QkvBias { get; }

    /// <summary>W_O of all heads, head h in rows hD to (h+1)D [C, C].</summary>
    public T ProjWeight { get; }

    /// <summary>b_O [C].</summary>
    public T ProjBias { get; }

    /// <summary>Gain of the second LayerNorm [C].</summary>
    public T Norm2Weight { get; }

    /// <summary>Shift of the second LayerNorm [C].</summary>
    public T Norm2Bias { get; }

    /// <summary>Into the feed-forward block [C, I].</summary>
    public T MlpInWeight { get; }

    /// <summary>[I]</summary>
    public T MlpInBias { get; }

    /// <summary>Out of the feed-forward block [I, C].</summary>
    public T MlpOutWeight { get; }

    /// <summary>[C]</summary>
    public T MlpOutBias { get; }

    /// <summary>Every parameter of the block.</summary>
    public IEnumerable<T> All =>
    [
        Norm1Weight, Norm1Bias, QkvWeight, QkvBias, ProjWeight, ProjBias,
        Norm2Weight, Norm2Bias, MlpInWeight, MlpInBias, MlpOutWeight, MlpOutBias,
    ];
}
