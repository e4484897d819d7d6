using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>
/// Attention over the pass' own tokens. Fused, unless scores or patterns of a block are edited or their
/// gradients recorded: then they are materialised for that block.
/// </summary>
sealed class FullAttention(
    LanguageModel model, PassContext pass, bool keep = false, KeyValueCache? cache = null)
    : AttentionPath(model, pass), IAttentionGradient
{
    readonly Dictionary<int, Tensor> _zBeforeEdits = [];
    readonly Dictionary<int, (Tensor Before, Tensor After)> _patterns = [];

    internal override void Forward(int l, DecoderActivations a)
    {
        _zBeforeEdits.Remove(l); // those of the pass before
        _patterns.Remove(l);
        if (Materialises(l))
            Eager(l, a);
        else
            Fused(l, a);
        if (cache is not null)
            Ops.CacheFill(a.Qkv[l], a.Lengths, cache.Keys[l], cache.Values[l], Pass.Batch.B, Pass.Batch.T, H);
        if (keep && Sites.Edits(SiteKind.Z, l)) // the backward pass needs attention's own output
        {
            Tensor before = Pass.Memory.Cut($"z of block {l} before edits", a.Z[l].Shape);
            Ops.Copy(a.Z[l], before);
            _zBeforeEdits[l] = before;
        }
    }

    public void Backward(int l, DecoderActivations a, BackwardMemory d)
    {
        (int B, int T) = (Pass.Batch.B, Pass.Batch.T);
        (Tensor dZ, Tensor dQkv) = (d.Z, d.Qkv);
        if (!_patterns.TryGetValue(l, out (Tensor Before, Tensor After) p))
        {
            Ops.AttentionBackward(a.Qkv[l], a.Lengths, _zBeforeEdits.GetValueOrDefault(l) ?? a.Z[l],
                a.LogSumExp[l], dZ, d.RowDots, dQkv, B, T, H, Scale(l));
            return;
        }
        Tensor dPattern = Pass.Memory.Cut($"gradient of the pattern of block {l}", B, H, T, T);
        Ops.Fill(dQkv, 0f);
        Ops.AttentionMixBackward(p.After, a.Qkv[l], dZ, dPattern, dQkv, B, T, H);
        Pass.AtGradient(SiteKind.Pattern, l, dPattern);
        Ops.SoftmaxRowsBackward(p.Before, dPattern, dPattern);
        Pass.AtGradient(SiteKind.Scores, l, dPattern);
        Ops.AttentionScoresBackward(a.Qkv[l], dPattern, dQkv, B, T, H, Scale(l));
    }

    SiteRecorder Sites => Pass.Sites;

    bool Materialises(int l)
        => Sites.Edits(SiteKind.Scores, l) || Sites.Edits(SiteKind.Pattern, l)
        || Pass.GradientSites.Records(SiteKind.Scores, l) || Pass.GradientSites.Records(SiteKind.Pattern, l);

    void Fused(int l, DecoderActivations a)
    {
        (int B, int T) = (Pass.Batch.B, Pass.Batch.T);
        if (Sites.Stored(SiteKind.Z, l) is { } edits)
            Ops.AttentionEdited(a.Qkv[l], a.Lengths, a.Z[l], a.LogSumExp[l], edits, B, T, H, Scale(l));
        else
            Ops.Attention(a.Qkv[l], a.Lengths, a.Z[l], a.LogSumExp[l], B, T, H, Scale(l));
        // Fused attention keeps no scores or patterns; recorded ones are computed again from q and k.
        if (Sites.Copy(Site.Scores(l)) is { } scores)
        {
            Ops.AttentionScores(a.Qkv[l], a.Lengths, scores, B, T, H, Scale(l));
            Sites.At(SiteKind.Scores, l, scores);
        }
        if (Sites.Copy(Site.Pattern(l)) is { } pattern)
        {
            Ops.AttentionPattern(a.Qkv[l], a.Lengths, a.LogSumExp[l], pattern, B, T, H, Scale(l));
            Sites.At(SiteKind.Pattern, l, pattern);
        }
    }

    void Eager(int l, DecoderActivations a)
    {
        (int B, int T) = (Pass.Batch.B, Pass.Batch.T);
        Tensor scores = Pass.Memory.Cut($"scores of block {l}", B, H, T, T);
        Tensor pattern = Pass.Memory.Cut($"pattern of block {l}", B, H, T, T);
        Ops.AttentionScores(a.Qkv[l], a.Lengths, scores, B, T, H, Scale(l));
        Sites.At(SiteKind.Scores, l, scores);
        Ops.SoftmaxRows(scores, pattern);
        Tensor before = pattern;
        if (keep && Sites.Edits(SiteKind.Pattern, l)) // softmax's gradient needs its own output
            Ops.Copy(pattern, before = scores);
        Sites.At(SiteKind.Pattern, l, pattern);
        _patterns[l] = (before, pattern);
        Ops.AttentionMix(pattern, a.Qkv[l], a.Z[l], B, T, H);
    }
}
