using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>Keys and values of earlier tokens, for every block: [B, H, capacity, D] each.</summary>
sealed class KeyValueCache
{
    internal KeyValueCache(TensorArena arena, Ops ops, ModelConfig config, int B, int capacity)
    {
        Capacity = capacity;
        Keys = new Tensor[config.Layers];
        Values = new Tensor[config.Layers];
        long parts = ops.CachedParts(B, config.Heads, config.HeadWidth, capacity);
        Parts = parts == 0 ? null : arena.Cut("parts of attention over the cache", checked((int)parts));
        for (int l = 0; l < config.Layers; l++)
        {
            Keys[l] = arena.Cut($"cached keys {l}", B, config.Heads, capacity, config.HeadWidth);
            Values[l] = arena.Cut($"cached values {l}", B, config.Heads, capacity, config.HeadWidth);
        }
    }

    internal int Capacity { get; }

    internal Tensor[] Keys { get; }

    internal Tensor[] Values { get; }

    /// <summary>Partial results of attention over parts of the cache; all blocks share it.</summary>
    internal Tensor? Parts { get; }
}

/// <summary>One new token a row, attending to itself and everything cached before it.</summary>
sealed class CachedAttention(LanguageModel model, PassContext pass, KeyValueCache cache)
    : AttentionPath(model, pass)
{
    internal override void Forward(int l, DecoderActivations a)
    {
        (int B, SiteRecorder sites) = (Pass.Batch.B, Pass.Sites);
        Ops.CacheAppend(a.Qkv[l], a.Lengths, cache.Keys[l], cache.Values[l], B, H);
        Ops.AttentionCached(a.Qkv[l], a.Lengths, cache.Keys[l], cache.Values[l], cache.Parts, a.Z[l],
            B, H, Scale(l));
        if (sites.Copy(Site.Pattern(l)) is { } pattern)
        {
            Ops.AttentionCachedPattern(a.Qkv[l], a.Lengths, cache.Keys[l], pattern, B, H, Scale(l));
            sites.At(SiteKind.Pattern, l, pattern);
        }
    }
}
