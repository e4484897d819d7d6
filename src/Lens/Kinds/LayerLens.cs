using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Lens;

/// <summary>A learned tensor of a layer's lens.</summary>
/// <param name="Name">Name within the layer: weight, bias, ...</param>
/// <param name="Value">Values, in the shape that the file has.</param>
/// <param name="Decays">Whether weight decay applies: true for matrices, false for biases.</param>
public sealed record LensParameter(string Name, Tensor Value, bool Decays);

/// <summary>
/// The lens of one layer: features of what the layer's heads wrote, and an affine map from them to the
/// vocabulary. Training fits the sum over heads; reading shows each head's share of the sum.
/// </summary>
public abstract class LayerLens
{
    internal LayerLens(LanguageModel model, LensOptions options, int layer)
        => (Model, Options, Layer) = (model, options, layer);

    /// <summary>Kind, rank and initial values of the lens.</summary>
    public LensOptions Options { get; }

    /// <summary>Layer that the lens reads, from 0.</summary>
    public int Layer { get; }

    /// <summary>The learned tensors, in the order of the file; empty for the logit lens.</summary>
    public abstract IReadOnlyList<LensParameter> Parameters { get; }

    /// <summary>K: width of the features that the map reads.</summary>
    public int FeatureWidth => Map.Width;

    /// <summary>
    /// The map from features to logits, summed over heads, as of the last <see cref="Prepare(int)"/>.
    /// </summary>
    public abstract VocabularyMap Map { get; }

    /// <summary>Whether the lens gives logits for a single head.</summary>
    public virtual bool ReadsHeads => true;

    /// <summary>Width of one head's features.</summary>
    public abstract int HeadFeatureWidth { get; }

    /// <summary>The model that the lens reads.</summary>
    internal LanguageModel Model { get; }

    internal ModelConfig Config => Model.Config;

    internal Ops Ops => Model.Ops;

    internal NamedBlock<Tensor> Block => Model.Weights.Layers[Layer];

    /// <summary>
    /// The learned matrix to the vocabulary, [V, K], and its bias [V]; null if the lens uses the model's own
    /// unembedding. Its gradient is made block by block of tokens.
    /// </summary>
    internal virtual (Tensor Weight, Tensor Bias)? Vocabulary => null;

    /// <summary>
    /// Number of equal biases that the stored bias sums. Each of them takes the step of a single bias, so the
    /// sum moves this many times as far.
    /// </summary>
    internal virtual int BiasesInSum => 1;

    /// <summary>
    /// Learned tensors other than <see cref="Vocabulary"/>. They are small, so their whole gradients are
    /// stored.
    /// </summary>
    internal virtual IReadOnlyList<(LensParameter Parameter, Tensor Gradient)> Inner => [];

    /// <summary>
    /// Chooses the method for this many positions and recomputes what is derived from the parameters. Call it
    /// after the parameters have changed, before features are made.
    /// </summary>
    /// <param name="positions">Largest number of positions of the following features.</param>
    public void Prepare(int positions) => Prepare(positions, weightsToo: true);

    /// <summary>Chooses the method and, on request, recomputes derived tensors.</summary>
    /// <param name="positions">Largest number of positions of the following features.</param>
    /// <param name="weightsToo">Whether derived tensors are recomputed. With false no device memory is
    /// touched, so it works while memory is only measured.</param>
    internal virtual void Prepare(int positions, bool weightsToo)
    {
    }

    /// <summary>Writes the features of the sum over heads.</summary>
    /// <param name="at">The layer's activations at n positions.</param>
    /// <param name="x">[n, <see cref="FeatureWidth"/>]: the features.</param>
    public abstract void Features(LensInputs at, Tensor x);

    /// <summary>Adds into the gradients of <see cref="Inner"/>; call <see cref="Features"/> first.</summary>
    /// <param name="at">The same activations as for <see cref="Features"/>.</param>
    /// <param name="dX">[n, K]: gradient of the features; may be overwritten.</param>
    internal virtual void FeaturesBackward(LensInputs at, Tensor dX)
    {
    }

    /// <summary>Writes the gradient of the matrix to the vocabulary for a block of tokens.</summary>
    /// <param name="x">[n, K]: the features.</param>
    /// <param name="dLogits">[n, tokens]: gradient of the block's logits.</param>
    /// <param name="dWeight">[tokens, ...]: gradient of the block's rows of <see cref="Vocabulary"/>.</param>
    internal virtual void WeightGradient(Tensor x, Tensor dLogits, Tensor dWeight)
        => Ops.MatMulWeightGradient(dLogits, x, dWeight, accumulate: false);

    /// <summary>Writes the features of one head.</summary>
    /// <param name="at">The same activations as for <see cref="Features"/>.</param>
    /// <param name="features">Features that <see cref="Features"/> wrote.</param>
    /// <param name="head">Head, from 0.</param>
    /// <param name="x">[n, <see cref="HeadFeatureWidth"/>]: the head's features.</param>
    public virtual void HeadFeatures(LensInputs at, Tensor features, int head, Tensor x)
        => Ops.CopyColumns(features, x, HeadPart(head).Start.Value);

    /// <summary>
    /// Returns the map from one head's features to logits, with the head's share of the bias.
    /// </summary>
    /// <param name="head">Head, from 0.</param>
    /// <param name="bias">[V]: the head's share, from <see cref="HeadBias"/>; null if heads have
    /// none.</param>
    public virtual VocabularyMap HeadMap(int head, Tensor? bias)
        => Map with { Part = HeadPart(head), Bias = bias };

    /// <summary>Writes a head's share of the bias, which is the same for all heads.</summary>
    /// <param name="bias">[V]: the share.</param>
    /// <returns>False if heads have no share; then nothing is written.</returns>
    public virtual bool HeadBias(Tensor bias)
    {
        Ops.Copy(Map.Bias!, bias);
        Ops.Scale(bias, 1f / Config.Heads);
        return true;
    }

    /// <summary>Returns the columns of a head's features within the features of all heads.</summary>
    internal virtual Range HeadPart(int head) => (head * HeadFeatureWidth)..((head + 1) * HeadFeatureWidth);

    /// <summary>Writes r_h = z_h W_O,h [n, C], the head's result.</summary>
    private protected void HeadResult(LensInputs at, int head, Tensor r)
        => Ops.HeadResult(at.Z, Block.ProjWeight, r, Config.Heads, head);

    /// <summary>Returns W_O of one head, [D, C].</summary>
    private protected Tensor HeadProjection(int head)
    {
        int D = Config.Width / Config.Heads;
        return Block.ProjWeight.Slice($"W_O of head {head}", (long)head * D * Config.Width, D, Config.Width);
    }

    internal void RequireHead(int head) => ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(
        (uint)head, (uint)Config.Heads, nameof(head));
}
