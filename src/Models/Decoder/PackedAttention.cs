using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>
/// Attention of tokens of several texts, packed below each other: each attends to its text's tokens in a
/// cache, where its own key and value are put first.
/// </summary>
/// <remarks>Tokens that continue a text by one come first, because attention of a single query reads the
/// cache in another order than that of a prompt.</remarks>
sealed class PackedAttention : AttentionPath
{
    readonly KeyValueCache _cache;
    readonly IndexTensor _rows;
    readonly int _texts;

    /// <param name="model">The model.</param>
    /// <param name="pass">The pass in progress.</param>
    /// <param name="arena">Holds the rows of tokens.</param>
    /// <param name="cache">Keys and values of all texts.</param>
    /// <param name="texts">Texts that the cache has room for.</param>
    /// <param name="N">Tokens of a pass.</param>
    internal PackedAttention(
        LanguageModel model, PassContext pass, TensorArena arena, KeyValueCache cache, int texts, int N)
        : base(model, pass)
        => (_cache, _texts, _rows) = (cache, texts, arena.CutIndices("texts of tokens", N));

    /// <summary>How many of the tokens, the first ones, continue a text by one.</summary>
    internal int Continuing { get; private set; }

    /// <summary>Says which text each token belongs to.</summary>
    /// <param name="rows">[N]</param>
    /// <param name="continuing">How many of them, the first ones, continue a text by one.</param>
    internal void Load(ReadOnlySpan<int> rows, int continuing)
    {
        _rows.Upload(rows);
        Continuing = continuing;
    }

    internal override void Forward(int l, DecoderActivations a)
    {
        Tensor qkv = a.Qkv[l], z = a.Z[l], keys = _cache.Keys[l], values = _cache.Values[l];
        int N = qkv.Rows;
        Ops.CacheWrite(qkv, _rows, a.Positions, keys, values, N, _texts, H);
        if (Continuing > 0)
            Ops.AttentionPackedOne(qkv.SliceRows(0, Continuing), Part(_rows, 0, Continuing),
                Part(a.Positions, 0, Continuing), keys, values, z.SliceRows(0, Continuing), Continuing,
                _texts, H, Scale(l));
        int rest = N - Continuing;
        if (rest > 0)
            Ops.AttentionPacked(qkv.SliceRows(Continuing, rest), Part(_rows, Continuing, rest),
                Part(a.Positions, Continuing, rest), keys, values, z.SliceRows(Continuing, rest), rest,
                _texts, H, Scale(l));
    }

    static IndexTensor Part(IndexTensor all, int first, int count) => all.Slice(all.Name, first, count);
}
