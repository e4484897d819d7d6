
namespace HeadTap.Models;

/// <summary>
/// The parameters under the names that code reads. <typeparamref name="T"/> is Tensor for weights, and
/// Tensor? for gradients, where null says frozen.
/// </summary>
public sealed class NamedWeights<T> where T : class?
{
    internal NamedWeights(ModelConfig config, Func<string, T> find)
    {
        TokenEmbedding = find("wte.weight");
        PositionEmbedding = find("wpe.weight");
        Layers = [.. Enumerable.Range(0, config.Layers).Select(l => new NamedBlock<T>(l, find))];
        FinalNormWeight = find("ln_f.weight");
        FinalNormBias = find("ln_f.bias");
        Head = config.TiedHead ? TokenEmbedding : find("lm_head.weight");
        HeadBias = config.HeadBias ? find("lm_head.bias") : null;
    }

    /// <summary>W_E [V, C].</summary>
    public T TokenEmbedding { get; }

    /// <summary>W_pos [context, C].</summary>
    public T PositionEmbedding { get; }

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
    internal NamedBlock(int layer, Func<string, T> find)
    {
        (Ln1Weight, Ln1Bias) = (Find("ln_1.weight"), Find("ln_1.bias"));
        (QkvWeight, QkvBias) = (Find("attn.c_attn.weight"), Find("attn.c_attn.bias"));
        (ProjWeight, ProjBias) = (Find("attn.c_proj.weight"), Find("attn.c_proj.bias"));
        (Ln2Weight, Ln2Bias) = (Find("ln_2.weight"), Find("ln_2.bias"));
        (FcWeight, FcBias) = (Find("mlp.c_fc.weight"), Find("mlp.c_fc.bias"));
        (OutWeight, OutBias) = (Find("mlp.c_proj.weight"), Find("mlp.c_proj.bias"));
        T Find(string name) => find($"h.{layer}.{name}");
    }

    /// <summary>Gain of the first LayerNorm [C].</summary>
    public T Ln1Weight { get; }

    /// <summary>Shift of the first LayerNorm [C].</summary>
    public T Ln1Bias { get; }

    /// <summary>Queries, keys and values side by side [C, 3C].</summary>
    public T QkvWeight { get; }

    /// <summary>[3C]</summary>
    public T QkvBias { get; }

    /// <summary>W_O of all heads, head h in rows hD to (h+1)D [C, C].</summary>
    public T ProjWeight { get; }

    /// <summary>b_O [C].</summary>
    public T ProjBias { get; }

    /// <summary>Gain of the second LayerNorm [C].</summary>
    public T Ln2Weight { get; }

    /// <summary>Shift of the second LayerNorm [C].</summary>
    public T Ln2Bias { get; }

    /// <summary>Into the feed-forward block [C, I].</summary>
    public T FcWeight { get; }

    /// <summary>[I]</summary>
    public T FcBias { get; }

    /// <summary>Out of the feed-forward block [I, C].</summary>
    public T OutWeight { get; }

    /// <summary>[C]</summary>
    public T OutBias { get; }

    /// <summary>Every parameter of the block.</summary>
    public IEnumerable<T> All =>
    [
        Ln1Weight, Ln1Bias, QkvWeight, QkvBias, ProjWeight, ProjBias,
        Ln2Weight, Ln2Bias, FcWeight, FcBias, OutWeight, OutBias,
    ];
}
