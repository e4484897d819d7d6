using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>How a pass attends: over its own tokens, or over a cache of earlier ones.</summary>
abstract class AttentionPath(LanguageModel model, PassMemory memory)
{
    protected LanguageModel Model { get; } = model;

    protected PassMemory Memory { get; } = memory;

    protected Ops Ops => Model.Ops;

    protected int H => Model.Config.Heads;

    protected float Scale { get; } = model.Config.ScaleAttention
        ? 1f / MathF.Sqrt(model.Config.HeadWidth) : 1f;

    /// <summary>Rows and positions of the pass in progress.</summary>
    internal BatchShape Batch { get; set; }

    /// <summary>From q, k, v of block <paramref name="l"/> to z.</summary>
    internal abstract void Forward(int l, DecoderActivations a, SiteRecorder sites);

    /// <summary>Where the heads' results of a block go: kept if recorded, else passing.</summary>
    internal Tensor ResultMemory(int l, SiteRecorder sites)
        => sites.Copy(new Site(SiteKind.Result, l))
            ?? Memory.Cut($"results of block {l}", Batch.B * Batch.T, H, Model.Config.Width);
}

/// <summary>Attention that a backward pass may go through.</summary>
interface IAttentionGradient
{
    /// <summary>From dL/dz to dL/d(q, k, v) of block <paramref name="l"/>, which is written.</summary>
    void Backward(
        int l, DecoderActivations a, SiteRecorder gradientSites, CompiledEdits? program, BackwardMemory d);
}
