using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Lens;

/// <summary>A learned tensor of a lens.</summary>
/// <param name="Name">Within its layer: weight, bias, ...</param>
/// <param name="Value">The values, in the shape they have in a file.</param>
/// <param name="Decays">Whether weight decay applies: to matrices, not to biases.</param>
public sealed record LensParameter(string Name, Tensor Value, bool Decays);

/// <summary>
/// The lens of one layer: features of what the layer's heads wrote, and an affine map of them to the
/// vocabulary. The sum over heads is what is trained; one head's share of it is what is read.
/// </summary>
public abstract class LayerLens
{
    internal LayerLens(LanguageModel model, LensOptions options, int layer)
        => (Model, Options, Layer) = (model, options, layer);

    /// <summary>Which lens.</summary>
    public LensOptions Options { get; }

    /// <summary>Whose heads it reads.</summary>
    public int Layer { get; }

    /// <summary>What is learned, in the order of the file; none in a lens that is not learned.</summary>
    public abstract IReadOnlyList<LensParameter> Parameters { get; }

    /// <summary>K, width of the features that the map takes.</summary>
    public int FeatureWidth => Map.Width;

    /// <summary>Features to logits, summed over heads, as of the last <see cref="Prepare(int)"/>.</summary>
    public abstract VocabularyMap Map { get; }

    /// <summary>Whether the lens says anything of a single head.</summary>
    public virtual bool ReadsHeads => true;

    /// <summary>Width of one head's features.</summary>
    public abstract int HeadFeatureWidth { get; }

    /// <summary>Whose heads these are.</summary>
    internal LanguageModel Model { get; }

    internal ModelConfig Config => Model.Config;

    internal Ops Ops => Model.Ops;

    internal NamedBlock<Tensor> Block => Model.Weights.Layers[Layer];

    /// <summary>
    /// The learned matrix of the vocabulary's side, [V, K], and its bias [V]; null where the model's own head
    /// is the map. Its gradient comes a block of tokens at a time.
    /// </summary>
    internal virtual (Tensor Weight, Tensor Bias)? Vocabulary => null;

    /// <summary>
    /// The bias that is held is the sum over heads; each of H equal biases moves as one of them would.
    /// </summary>
    internal virtual int BiasesInSum => 1;

    /// <summary>Learned tensors beside <see cref="Vocabulary"/>: small ones, whose gradients are
    /// held.</summary>
    internal virtual IReadOnlyList<(LensParameter Parameter, Tensor Gradient)> Inner => [];

    /// <summary>
    /// Chooses how this many positions are computed, and brings up to date what is derived from the
    /// parameters: to be called when they have changed, before features are made.
    /// </summary>
    /// <param name="positions">Of the features that follow.</param>
    public void Prepare(int positions) => Prepare(positions, weightsToo: true);

    /// <param name="positions">Of the features that follow.</param>
    /// <param name="weightsToo">False only chooses: nothing is computed, which a lens without memory can do.
    /// </param>
    internal virtual void Prepare(int positions, bool weightsToo)
    {
    }

    /// <summary>Writes the features of the sum over heads.</summary>
    /// <param name="at">What the layer's heads wrote at n positions.</param>
    /// <param name="x">[n, <see cref="FeatureWidth"/>]</param>
    public abstract void Features(LensInputs at, Tensor x);

    /// <summary>Adds into the gradients of <see cref="Inner"/>.</summary>
    /// <param name="at">As in <see cref="Features"/>, which came before.</param>
    /// <param name="dX">[n, K]; may be overwritten.</param>
    internal virtual void FeaturesBackward(LensInputs at, Tensor dX)
    {
    }

    /// <summary>Writes the gradient of the vocabulary's matrix for a block of tokens.</summary>
    /// <param name="x">[n, K]: the features.</param>
    /// <param name="dLogits">[n, tokens]</param>
    /// <param name="dWeight">[tokens, ...], as <see cref="Vocabulary"/>'s.</param>
    internal virtual void WeightGradient(Tensor x, Tensor dLogits, Tensor dWeight)
        => Ops.MatMulWeightGradient(dLogits, x, dWeight, accumulate: false);

    /// <summary>Writes the features of one head.</summary>
    /// <param name="at">As in <see cref="Features"/>.</param>
    /// <param name="features">What <see cref="Features"/> wrote.</param>
    /// <param name="head">The head.</param>
    /// <param name="x">[n, <see cref="HeadFeatureWidth"/>]</param>
    public virtual void HeadFeatures(LensInputs at, Tensor features, int head, Tensor x)
        => Ops.CopyColumns(features, x, HeadPart(head).Start.Value);

    /// <summary>One head's features to logits, with the head's share of the bias.</summary>
    /// <param name="head">The head.</param>
    /// <param name="bias">[V]: the share, from <see cref="HeadBias"/>.</param>
    public virtual VocabularyMap HeadMap(int head, Tensor? bias)
        => Map with { Part = HeadPart(head), Bias = bias };

    /// <summary>Writes each head's share of the bias.</summary>
    /// <param name="bias">[V]</param>
    /// <returns>False if heads have none, and nothing was written.</returns>
    public virtual bool HeadBias(Tensor bias)
    {
        Ops.Copy(Map.Bias!, bias);
        Ops.Scale(bias, 1f / Config.Heads);
        return true;
    }

    /// <summary>Where a head's features lie in those of all.</summary>
    internal virtual Range HeadPart(int head) => (head * HeadFeatureWidth)..((head + 1) * HeadFeatureWidth);

    /// <summary>Writes r_h = z_h W_O,h, [n, C].</summary>
    private protected void HeadResult(LensInputs at, int head, Tensor r)
        => Ops.HeadResult(at.Z, Block.ProjWeight, r, Config.Heads, head);

    /// <summary>W_O of one head, [D, C].</summary>
    private protected Tensor HeadProjection(int head)
    {
        int D = Config.Width / Config.Heads;
        return Block.ProjWeight.Slice($"W_O of head {head}", (long)head * D * Config.Width, D, Config.Width);
    }

    internal void RequireHead(int head) => ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(
        (uint)head, (uint)Config.Heads, nameof(head));
}
