using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>
/// Attention of suffixes of one text, packed below each other: the tokens before a suffix have the text's
/// keys and values. Each suffix is put behind them, so a token has the bits that it has in a whole row.
/// </summary>
sealed class SuffixAttention : AttentionPath
{
    readonly Tensor[] _text;
    readonly Tensor _table, _qkv, _z, _logSumExp;
    readonly IndexTensor _lengths, _whole, _packed;

    /// <param name="model">The model.</param>
    /// <param name="pass">The pass in progress, without edits.</param>
    /// <param name="arena">Holds whole rows.</param>
    /// <param name="text">[L] of [T, 3C]: the text's keys and values; queries are not read.</param>
    /// <param name="B">Suffixes.</param>
    /// <param name="N">Tokens of all suffixes.</param>
    internal SuffixAttention(
        LanguageModel model, PassContext pass, TensorArena arena, Tensor[] text, int B, int N)
        : base(model, pass)
    {
        int T = text[0].Rows, C = model.Config.Width;
        (this.B, this.T, _text) = (B, T, text);
        _table = arena.Cut("q, k, v of the text and of suffixes", T + N, 3 * C);
        _qkv = arena.Cut("q, k, v of whole rows", B * T, 3 * C);
        _z = arena.Cut("z of whole rows", B * T, C);
        _logSumExp = arena.Cut("logsumexp of whole rows", B, model.Config.Heads, T);
        _lengths = arena.CutIndices("lengths", B);
        _whole = arena.CutIndices("where whole rows come from", B * T);
        _packed = arena.CutIndices("where suffixes are", N);
    }

    int B { get; }

    int T { get; }

    /// <summary>Says where each suffix begins.</summary>
    /// <param name="starts">[B], each in [0, T).</param>
    internal void Load(ReadOnlySpan<int> starts)
    {
        int[] whole = new int[B * T];
        var packed = new List<int>();
        for (int b = 0; b < B; b++)
            for (int t = 0; t < T; t++)
            {
                whole[b * T + t] = t < starts[b] ? t : T + packed.Count;
                if (t >= starts[b])
                    packed.Add(b * T + t);
            }
        _whole.Upload(whole);
        _packed.Upload([.. packed]);
        int[] lengths = new int[B];
        Array.Fill(lengths, T);
        _lengths.Upload(lengths);
    }

    internal override void Forward(int l, DecoderActivations a)
    {
        Ops.Copy(_text[l], _table.SliceRows(0, T));
        Ops.Copy(a.Qkv[l], _table.SliceRows(T, a.Qkv[l].Rows));
        Ops.Gather(_whole, _table, _qkv);
        Ops.Attention(_qkv, _lengths, _z, _logSumExp, B, T, H, Scale(l));
        Ops.Gather(_packed, _z, a.Z[l]);
    }
}
