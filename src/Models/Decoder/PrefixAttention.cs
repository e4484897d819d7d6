using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>
/// One token a row, all in the place of some token of one text: each attends to what stands before that in
/// the text, whose keys and values a cache of one row holds, and to itself.
/// </summary>
/// <remarks><see cref="DecoderActivations.Lengths"/> are the tokens before each row's. The pass is not recorded
/// and not edited.</remarks>
sealed class PrefixAttention(LanguageModel model, PassMemory memory, KeyValueCache text)
    : AttentionPath(model, memory), IAttentionGradient
{
    internal override void Forward(int l, DecoderActivations a, SiteRecorder sites)
        => Ops.AttentionPrefix(a.Qkv[l], a.Lengths, text.Keys[l], text.Values[l], a.Z[l], a.LogSumExp[l],
            a.Z[l].Rows, H, Scale);

    public void Backward(
        int l, DecoderActivations a, SiteRecorder gradientSites, CompiledEdits? program, BackwardMemory d)
        => Ops.AttentionPrefixBackward(a.Qkv[l], a.Lengths, text.Keys[l], text.Values[l], a.Z[l],
            a.LogSumExp[l], d.Z, d.Qkv, a.Z[l].Rows, H, Scale);
}
