using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>
/// Every activation of a forward pass, named once, with its shape. For a backward pass each block keeps its
/// own; otherwise blocks share one set, and only what is recorded has memory of its own.
/// </summary>
sealed class DecoderActivations
{
    readonly TensorArena _arena;
    readonly bool _keep, _relu, _parallel;
    readonly IReadOnlySet<Site> _recorded;
    readonly Dictionary<string, Tensor> _shared = new(StringComparer.Ordinal);

    internal DecoderActivations(
        TensorArena arena, ModelConfig config, int B, int T, bool keep, IReadOnlySet<Site> recorded)
    {
        (_arena, _keep, _recorded) = (arena, keep, recorded);
        (_relu, _parallel) = (config.Activation == Activation.Relu, config.ParallelResidual);
        int rows = B * T, C = config.Width, L = config.Layers, I = config.Inner;

        Resid = new Tensor[L + 1];
        for (int l = 0; l <= L; l++) // the stream out of block l - 1 is the stream into block l
            Resid[l] = l > 0 && Own(SiteKind.ResidPost, l - 1) || l < L && Own(SiteKind.ResidPre, l)
                ? arena.Cut($"resid.{l}", rows, C)
                : Shared("resid", rows, C);

        Ln1 = Cut("ln1", [SiteKind.Ln1Normalized], L, rows, C);
        Ln1Mean = Cut("ln1.mean", [], L, rows);
        Ln1Rstd = Cut("ln1.rstd", [SiteKind.Ln1Scale], L, rows);
        Qkv = Cut("qkv", [], L, rows, 3 * C);
        Z = Cut("z", [SiteKind.Z], L, rows, C);
        LogSumExp = Cut("logsumexp", [], L, B, config.Heads, T);
        AttnOut = Cut("attn_out", [SiteKind.AttnOut], L, onlyRecorded: true, rows, C);
        ResidMid = Cut("resid_mid", [SiteKind.ResidMid], L, rows, C);
        Ln2 = Cut("ln2", [SiteKind.Ln2Normalized], L, rows, C);
        Ln2Mean = Cut("ln2.mean", [], L, rows);
        Ln2Rstd = Cut("ln2.rstd", [SiteKind.Ln2Scale], L, rows);
        MlpPre = Cut("mlp.pre", [SiteKind.MlpPre], L, rows, I);
        MlpPost = Cut("mlp.post", [SiteKind.MlpPost], L, rows, I);
        MlpOut = Cut("mlp_out", [SiteKind.MlpOut], L, onlyRecorded: true, rows, C);

        LnFinal = arena.Cut("ln_final", rows, C);
        LnFinalMean = arena.Cut("ln_final.mean", rows);
        LnFinalRstd = arena.Cut("ln_final.rstd", rows);
        Tokens = arena.CutIndices("tokens", rows);
        Positions = arena.CutIndices("positions", rows);
        Lengths = arena.CutIndices("lengths", B);
    }

    /// <summary>Whether a backward pass will read them.</summary>
    internal bool Kept => _keep;

    /// <summary>
    /// Whether MlpPre of block <paramref name="l"/> need not be kept: ReLU's gradient needs only the sign of
    /// its input, which its output shows unless that is edited.
    /// </summary>
    internal bool PostShowsSignOfPre(int l, SiteRecorder sites)
        => _relu && !sites.Edits(SiteKind.MlpPost, l);

    /// <summary>
    /// The stream that the feed-forward block of block <paramref name="l"/> reads, [B T, C]: after attention,
    /// or in parallel blocks before it.
    /// </summary>
    internal Tensor FeedForwardInput(int l) => _parallel ? Resid[l] : ResidMid[l];

    /// <summary>[L + 1] of [B T, C]: the stream into each block, and out of the last.</summary>
    internal Tensor[] Resid { get; }

    /// <summary>[B T, C] each, one a block, as all that follow.</summary>
    internal Tensor[] Ln1 { get; }

    internal Tensor[] Ln1Mean { get; }

    internal Tensor[] Ln1Rstd { get; }

    /// <summary>[B T, 3C]: q, k, v.</summary>
    internal Tensor[] Qkv { get; }

    internal Tensor[] Z { get; }

    /// <summary>[B, H, T]</summary>
    internal Tensor[] LogSumExp { get; }

    internal Tensor[] AttnOut { get; }

    internal Tensor[] ResidMid { get; }

    internal Tensor[] Ln2 { get; }

    internal Tensor[] Ln2Mean { get; }

    internal Tensor[] Ln2Rstd { get; }

    /// <summary>[B T, I]</summary>
    internal Tensor[] MlpPre { get; }

    /// <summary>[B T, I]</summary>
    internal Tensor[] MlpPost { get; }

    internal Tensor[] MlpOut { get; }

    /// <summary>[B T, C]</summary>
    internal Tensor LnFinal { get; }

    internal Tensor LnFinalMean { get; }

    internal Tensor LnFinalRstd { get; }

    /// <summary>[B T]; -1 for padding, whose embedding is zero.</summary>
    internal IndexTensor Tokens { get; }

    /// <summary>[B T]; -1 for padding.</summary>
    internal IndexTensor Positions { get; }

    /// <summary>[B] real tokens of each row; while generating, the position of each row's token.</summary>
    internal IndexTensor Lengths { get; }

    bool Own(SiteKind kind, int layer) => _keep || _recorded.Contains(new Site(kind, layer));

    Tensor[] Cut(string name, SiteKind[] kinds, int layers, params ReadOnlySpan<int> shape)
        => Cut(name, kinds, layers, onlyRecorded: false, shape);

    Tensor[] Cut(string name, SiteKind[] kinds, int layers, bool onlyRecorded, params ReadOnlySpan<int> shape)
    {
        var tensors = new Tensor[layers];
        for (int l = 0; l < layers; l++)
            tensors[l] = (_keep && !onlyRecorded) || kinds.Any(k => _recorded.Contains(new Site(k, l)))
                ? _arena.Cut($"{name}.{l}", shape)
                : Shared(name, shape);
        return tensors;
    }

    Tensor Shared(string name, params ReadOnlySpan<int> shape)
        => _shared.TryGetValue(name, out Tensor? tensor) ? tensor : _shared[name] = _arena.Cut(name, shape);
}
