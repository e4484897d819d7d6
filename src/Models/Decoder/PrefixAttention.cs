using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>
/// Attention of single tokens, each in the place of some token of one text: it attends to itself and to the
/// text's tokens before that place, whose keys and values a cache of one row holds.
/// </summary>
/// <remarks><see cref="DecoderActivations.Lengths"/> are the tokens before each row's. The pass is not
/// recorded
/// and not edited.</remarks>
sealed class PrefixAttention(LanguageModel model, PassContext pass, KeyValueCache text)
    : AttentionPath(model, pass), IAttentionGradient
{
    internal override void Forward(int l, DecoderActivations a)
        => Ops.AttentionPrefix(a.Qkv[l], a.Lengths, text.Keys[l], text.Values[l], a.Z[l], a.LogSumExp[l],
            a.Z[l].Rows, H, Scale(l));

    public void Backward(int l, DecoderActivations a, BackwardMemory d)
        => Ops.AttentionPrefixBackward(a.Qkv[l], a.Lengths, text.Keys[l], text.Values[l], a.Z[l],
            a.LogSumExp[l], d.Z, d.Qkv, a.Z[l].Rows, H, Scale(l));
}
