using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>Gradients of activations; one set serves all blocks.</summary>
sealed class BackwardMemory
{
    internal BackwardMemory(TensorArena arena, ModelConfig config, int B, int T)
    {
        int rows = B * T, C = config.Width;
        Resid = arena.Cut("gradient of the stream", rows, C);
        Branch = arena.Cut("gradient of a branch", rows, C);
        Upstream = config.ParallelResidual ? arena.Cut("gradient of the stream out of a block", rows, C)
            : null;
        Norm = arena.Cut("gradient of a LayerNorm's output", rows, C);
        Z = arena.Cut("gradient of z", rows, C);
        RowDots = arena.Cut("rows of gradient times z", B, config.Heads, T);
        Qkv = arena.Cut("gradient of q, k, v", rows, 3 * C);
        Mlp = arena.Cut("gradient of the neurons", rows, config.Inner);
        LnFinal = arena.Cut("gradient of the final LayerNorm's output", rows, C);
    }

    /// <summary>[B T, C]: dL/d(stream) where the pass is.</summary>
    internal Tensor Resid { get; }

    /// <summary>[B T, C]</summary>
    internal Tensor Branch { get; }

    /// <summary>[B T, C]: dL/d(stream out of a block), which both branches of a parallel block have; null
    /// where
    /// blocks are sequential.</summary>
    internal Tensor? Upstream { get; }

    /// <summary>[B T, C]</summary>
    internal Tensor Norm { get; }

    /// <summary>[B T, C]</summary>
    internal Tensor Z { get; }

    /// <summary>[B, H, T]: room for attention's kernels.</summary>
    internal Tensor RowDots { get; }

    /// <summary>[B T, 3C]</summary>
    internal Tensor Qkv { get; }

    /// <summary>[B T, I]</summary>
    internal Tensor Mlp { get; }

    /// <summary>[B T, C]</summary>
    internal Tensor LnFinal { get; }
}
