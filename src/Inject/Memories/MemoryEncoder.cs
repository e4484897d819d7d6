using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Inject;

/// <summary>Encoders that make a vector m of the model's width from a memory's tokens.</summary>
public enum MemoryEncoder
{
    /// <summary>
    /// m = b W_Uᵀ with b the k-hot vector of the tokens, as in the paper (arXiv 2309.05605, section 4).
    /// </summary>
    Unembed,

    /// <summary>
    /// m = b W_E, the paper's ablation; equal to Unembed if embedding and unembedding are tied and the
    /// weights are raw.
    /// </summary>
    Embed,

    /// <summary>m = attention output of the edited layer at the last position of BOS + memory.</summary>
    Layer,

    /// <summary>
    /// m = J^T W_U b: the unembedding of the tokens, taken back to the edited stream by its Jacobian lens
    /// (<see cref="Models.JacobianValue"/>).
    /// </summary>
    Jacobian,
}

/// <summary>
/// Runs the model on a memory to get its attention output, for <see cref="MemoryEncoder.Layer"/>.
/// </summary>
static class LayerEncoding
{
    /// <summary>
    /// Returns attn_out of <paramref name="layer"/> at the last position of BOS + memory, [C].
    /// </summary>
    /// <exception cref="UserException">The model has no BOS, or the memory is longer than its
    /// context.</exception>
    public static float[] Of(LanguageModel model, IReadOnlyList<int> memory, int layer)
        => Of(model, memory, [layer])[0];

    /// <summary>
    /// Returns attn_out of several layers at the last position of BOS + memory, [layers][C], from one pass.
    /// </summary>
    /// <exception cref="UserException">The model has no BOS, or the memory is longer than its
    /// context.</exception>
    public static float[][] Of(LanguageModel model, IReadOnlyList<int> memory, IReadOnlyList<int> layers)
    {
        ArgumentNullException.ThrowIfNull(model);
        int bos = model.BeginOfText ?? throw NeedsBos();
        Site[] sites = [.. layers.Select(layer => new Site(SiteKind.AttnOut, layer))];
        var rows = new SequenceBatch([[bos, .. memory]]);
        rows.Validate(model.Config);
        using var session = new ModelSession(model, new SessionOptions
        {
            MaxTokens = rows.T, Record = sites,
        });
        session.Forward(rows);
        return [.. sites.Select(site => session.Recordings[site].ToArray()[^model.Config.Width..])];
    }

    internal static UserException NeedsBos() => new(
        "the encoder layer runs the memory after a begin-of-text token, and neither config.json has a "
        + "bos_token_id that is in the vocabulary nor a tokenizer file names one; use another encoder");
}
