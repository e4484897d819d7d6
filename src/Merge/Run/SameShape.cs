using System.Globalization;
using HeadTap.Models;

namespace HeadTap.Merge;

/// <summary>Whether numbers of two models mean the same, place by place.</summary>
static class SameShape
{
    /// <summary>The first value of config.json in which models differ, in words; null if they fit
    /// together.</summary>
    /// <param name="first">A model's config.</param>
    /// <param name="other">Another's.</param>
    /// <param name="layers">Whether they must have as many layers.</param>
    internal static string? Problem(ModelConfig first, ModelConfig other, bool layers = true)
    {
        ConfigKeys keys = first.Architecture.Config;
        (string Key, object A, object B)[] values =
        [
            ("model_type", first.Architecture.ModelType, other.Architecture.ModelType),
            (keys.VocabSize, first.VocabSize, other.VocabSize),
            (keys.ContextLength, first.ContextLength, other.ContextLength),
            (keys.Width, first.Width, other.Width),
            (keys.Layers, first.Layers, layers ? other.Layers : first.Layers),
            (keys.Heads, first.Heads, other.Heads),
            (keys.Inner, first.Inner, other.Inner),
            (keys.Activation, first.Activation, other.Activation),
            (keys.LayerNormEpsilon, first.LayerNormEpsilon, other.LayerNormEpsilon),
            (keys.TiedHead, first.TiedHead, other.TiedHead),
            (keys.ScaleAttention ?? "scale_attention", first.ScaleAttention, other.ScaleAttention),
            (keys.ScaleAttentionByLayer ?? "scale_attention_by_layer", first.ScaleAttentionByLayer,
                other.ScaleAttentionByLayer),
        ];
        (string key, object a, object b) = values.FirstOrDefault(v => !v.A.Equals(v.B));
        return key is null ? null : $"{key} is {Text(b)} and {Text(a)}";
    }

    static string Text(object value)
        => Convert.ToString(value, CultureInfo.InvariantCulture)!.ToLowerInvariant();
}
