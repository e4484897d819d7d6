using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>
/// Attention over the pass' own tokens. Fused, unless scores or patterns of a block are edited or their
/// gradients asked for: then they are materialised for that block.
/// </summary>
sealed class FullAttention(
    LanguageModel model, PassMemory memory, KeyValueCache? cache = null, IReadOnlySet<Site>? gradients = null)
    : AttentionPath(model, memory), IAttentionGradient
{
    readonly Dictionary<int, Tensor> _zBeforeEdits = [];
    readonly Dictionary<int, (Tensor Before, Tensor After)> _patterns = [];

    /// <summary>Whether a backward pass will follow, so that values from before edits must be kept.</summary>
    internal bool Keep { get; init; }

    internal void Begin()
    {
        _zBeforeEdits.Clear();
        _patterns.Clear();
    }

    internal override void Forward(int l, DecoderActivations a, SiteRecorder sites)
    {
        if (Materialises(l, sites))
            Eager(l, a, sites);
        else
            Fused(l, a, sites);
        if (cache is not null)
            Ops.CacheFill(a.Qkv[l], a.Lengths, cache.Keys[l], cache.Values[l], Batch.B, Batch.T, H);
        if (Keep && sites.Edits(SiteKind.Z, l)) // the backward pass needs what attention itself put out
        {
            Tensor before = Memory.Cut($"z of block {l} before edits", a.Z[l].Shape);
            Ops.Copy(a.Z[l], before);
            _zBeforeEdits[l] = before;
        }
    }

    public void Backward(
        int l, DecoderActivations a, SiteRecorder gradientSites, CompiledEdits? program, BackwardMemory d)
    {
        (int B, int T) = (Batch.B, Batch.T);
        (Tensor dZ, Tensor dQkv) = (d.Z, d.Qkv);
        if (!_patterns.TryGetValue(l, out (Tensor Before, Tensor After) p))
        {
            Ops.AttentionBackward(a.Qkv[l], a.Lengths, _zBeforeEdits.GetValueOrDefault(l) ?? a.Z[l],
                a.LogSumExp[l], dZ, d.RowDots, dQkv, B, T, H, Scale);
            return;
        }
        Tensor dPattern = Memory.Cut($"gradient of the pattern of block {l}", B, H, T, T);
        Ops.Fill(dQkv, 0f);
        Ops.AttentionMixBackward(p.After, a.Qkv[l], dZ, dPattern, dQkv, B, T, H);
        gradientSites.AtGradient(SiteKind.Pattern, l, dPattern, program);
        Ops.SoftmaxRowsBackward(p.Before, dPattern, dPattern);
        gradientSites.AtGradient(SiteKind.Scores, l, dPattern, program);
        Ops.AttentionScoresBackward(a.Qkv[l], dPattern, dQkv, B, T, H, Scale);
    }

    bool Materialises(int l, SiteRecorder sites)
        => sites.Edits(SiteKind.Scores, l) || sites.Edits(SiteKind.Pattern, l)
        || (gradients is not null
            && (gradients.Contains(new Site(SiteKind.Scores, l))
                || gradients.Contains(new Site(SiteKind.Pattern, l))));

    void Fused(int l, DecoderActivations a, SiteRecorder sites)
    {
        (int B, int T) = (Batch.B, Batch.T);
        if (sites.Stored(SiteKind.Z, l) is { } edits)
            Ops.AttentionEdited(a.Qkv[l], a.Lengths, a.Z[l], a.LogSumExp[l], edits, B, T, H, Scale);
        else
            Ops.Attention(a.Qkv[l], a.Lengths, a.Z[l], a.LogSumExp[l], B, T, H, Scale);
        // Nobody kept scores or patterns; those that are recorded are computed again from q and k.
        if (sites.Copy(new Site(SiteKind.Scores, l)) is { } scores)
        {
            Ops.AttentionScores(a.Qkv[l], a.Lengths, scores, B, T, H, Scale);
            sites.At(SiteKind.Scores, l, scores);
        }
        if (sites.Copy(new Site(SiteKind.Pattern, l)) is { } pattern)
        {
            Ops.AttentionPattern(a.Qkv[l], a.Lengths, a.LogSumExp[l], pattern, B, T, H, Scale);
            sites.At(SiteKind.Pattern, l, pattern);
        }
    }

    void Eager(int l, DecoderActivations a, SiteRecorder sites)
    {
        (int B, int T) = (Batch.B, Batch.T);
        Tensor scores = Memory.Cut($"scores of block {l}", B, H, T, T);
        Tensor pattern = Memory.Cut($"pattern of block {l}", B, H, T, T);
        Ops.AttentionScores(a.Qkv[l], a.Lengths, scores, B, T, H, Scale);
        sites.At(SiteKind.Scores, l, scores);
        Ops.SoftmaxRows(scores, pattern);
        Tensor before = pattern;
        if (Keep && sites.Edits(SiteKind.Pattern, l)) // softmax's gradient needs its own output
            Ops.Copy(pattern, before = scores);
        sites.At(SiteKind.Pattern, l, pattern);
        _patterns[l] = (before, pattern);
        Ops.AttentionMix(pattern, a.Qkv[l], a.Z[l], B, T, H);
    }
}
