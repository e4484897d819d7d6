using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>How a pass attends: over its own tokens, or over a cache of earlier ones.</summary>
abstract class AttentionPath(LanguageModel model, PassContext pass)
{
    /// <summary>The pass in progress.</summary>
    protected PassContext Pass { get; } = pass;

    protected Ops Ops => model.Ops;

    protected int H => model.Config.Heads;

    /// <summary>What dot products of queries and keys of block <paramref name="l"/> are multiplied
    /// by.</summary>
    protected float Scale(int l) => model.Config.ScoreScale(l);

    /// <summary>From q, k, v of block <paramref name="l"/> to z.</summary>
    internal abstract void Forward(int l, DecoderActivations a);
}

/// <summary>Attention that a backward pass may go through.</summary>
interface IAttentionGradient
{
    /// <summary>Writes dL/d(q, k, v) of block <paramref name="l"/> from dL/dz.</summary>
    void Backward(int l, DecoderActivations a, BackwardMemory d);
}
