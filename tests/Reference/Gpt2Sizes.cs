namespace HeadTap.Reference;

/// <summary>What the textbook GPT-2 needs to know: sizes as the paper names them, and the options.</summary>
public sealed record Gpt2Sizes(int Vocabulary, int Context, int Width, int Layers, int Heads, int Inner)
{
    /// <summary>As config.json says it: <c>gelu_new</c>, <c>gelu</c> or <c>relu</c>.</summary>
    public string Activation { get; init; } = "gelu_new";

    public double Epsilon { get; init; } = 1e-5;

    public bool ScaleAttention { get; init; } = true;

    /// <summary>Whether scores of block l are divided by l + 1 too.</summary>
    public bool ScaleAttentionByLayer { get; init; }

    public bool TiedHead { get; init; } = true;

    /// <summary>Whether the head has <c>lm_head.bias</c>, as a model with folded LayerNorms does.</summary>
    public bool HeadBias { get; init; }

    /// <summary>Whether <c>wpe.weight</c> is added to the embedding.</summary>
    public bool LearnedPositions { get; init; } = true;

    /// <summary>Numbers of each head of q and k that positions turn, as GPT-NeoX pairs them; 0 for
    /// none.</summary>
    public int RotaryNumbers { get; init; }

    public double RotaryBase { get; init; } = 10_000;

    /// <summary>x + attn(ln1 x) + mlp(ln2 x), as in GPT-NeoX.</summary>
    public bool ParallelResidual { get; init; }

    public int HeadWidth => Width / Heads;

    /// <summary>Every parameter in checkpoint order; matrices are [inputs, outputs].</summary>
    public IEnumerable<(string Name, int[] Shape)> Parameters()
    {
        yield return ("wte.weight", [Vocabulary, Width]);
        if (LearnedPositions)
            yield return ("wpe.weight", [Context, Width]);
        for (int l = 0; l < Layers; l++)
        {
            yield return ($"h.{l}.ln_1.weight", [Width]);
            yield return ($"h.{l}.ln_1.bias", [Width]);
            yield return ($"h.{l}.attn.c_attn.weight", [Width, 3 * Width]);
            yield return ($"h.{l}.attn.c_attn.bias", [3 * Width]);
            yield return ($"h.{l}.attn.c_proj.weight", [Width, Width]);
            yield return ($"h.{l}.attn.c_proj.bias", [Width]);
            yield return ($"h.{l}.ln_2.weight", [Width]);
            yield return ($"h.{l}.ln_2.bias", [Width]);
            yield return ($"h.{l}.mlp.c_fc.weight", [Width, Inner]);
            yield return ($"h.{l}.mlp.c_fc.bias", [Inner]);
            yield return ($"h.{l}.mlp.c_proj.weight", [Inner, Width]);
            yield return ($"h.{l}.mlp.c_proj.bias", [Width]);
        }
        yield return ("ln_f.weight", [Width]);
        yield return ("ln_f.bias", [Width]);
        if (!TiedHead)
            yield return ("lm_head.weight", [Vocabulary, Width]);
        if (HeadBias)
            yield return ("lm_head.bias", [Vocabulary]);
    }

    /// <summary>Every site of a sequence of <paramref name="T"/> tokens, in order of execution.</summary>
    public IEnumerable<(string Name, int[] Shape)> Sites(int T)
    {
        (int C, int H, int D) = (Width, Heads, HeadWidth);
        yield return ("hook_embed", [T, C]);
        if (LearnedPositions)
            yield return ("hook_pos_embed", [T, C]);
        for (int l = 0; l < Layers; l++)
        {
            yield return ($"blocks.{l}.hook_resid_pre", [T, C]);
            yield return ($"blocks.{l}.ln1.hook_scale", [T, 1]);
            yield return ($"blocks.{l}.ln1.hook_normalized", [T, C]);
            yield return ($"blocks.{l}.attn.hook_q", [T, H, D]);
            yield return ($"blocks.{l}.attn.hook_k", [T, H, D]);
            yield return ($"blocks.{l}.attn.hook_v", [T, H, D]);
            yield return ($"blocks.{l}.attn.hook_attn_scores", [H, T, T]);
            yield return ($"blocks.{l}.attn.hook_pattern", [H, T, T]);
            yield return ($"blocks.{l}.attn.hook_z", [T, H, D]);
            yield return ($"blocks.{l}.attn.hook_result", [T, H, C]);
            yield return ($"blocks.{l}.hook_attn_out", [T, C]);
            if (!ParallelResidual)
                yield return ($"blocks.{l}.hook_resid_mid", [T, C]);
            yield return ($"blocks.{l}.ln2.hook_scale", [T, 1]);
            yield return ($"blocks.{l}.ln2.hook_normalized", [T, C]);
            yield return ($"blocks.{l}.mlp.hook_pre", [T, Inner]);
            yield return ($"blocks.{l}.mlp.hook_post", [T, Inner]);
            yield return ($"blocks.{l}.hook_mlp_out", [T, C]);
            yield return ($"blocks.{l}.hook_resid_post", [T, C]);
        }
        yield return ("ln_final.hook_scale", [T, 1]);
        yield return ("ln_final.hook_normalized", [T, C]);
        yield return ("logits", [T, Vocabulary]);
    }
}
