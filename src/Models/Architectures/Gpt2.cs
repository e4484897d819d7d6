namespace HeadTap.Models;

/// <summary>
/// GPT-2 (Radford et al. 2019) as Hugging Face's <c>GPT2LMHeadModel</c> stores it: learned positions, a
/// sequential residual stream, matrices [inputs, outputs], a head that is the token embedding.
/// </summary>
public static class Gpt2
{
    /// <summary>Names, roles and config keys.</summary>
    public static Architecture Architecture { get; } = new()
    {
        ModelType = "gpt2",
        Prefix = "transformer.",
        GlobExample = "h.*.mlp.*",
        BlockName = "h",
        Parameters =
        [
            new(Role.TokenEmbedding, "wte.weight"),
            new(Role.PositionEmbedding, "wpe.weight"),
            new(Role.Norm1Weight, "h.{l}.ln_1.weight"),
            new(Role.Norm1Bias, "h.{l}.ln_1.bias"),
            new(Role.QkvWeight, "h.{l}.attn.c_attn.weight"),
            new(Role.QkvBias, "h.{l}.attn.c_attn.bias"),
            new(Role.ProjWeight, "h.{l}.attn.c_proj.weight"),
            new(Role.ProjBias, "h.{l}.attn.c_proj.bias"),
            new(Role.Norm2Weight, "h.{l}.ln_2.weight"),
            new(Role.Norm2Bias, "h.{l}.ln_2.bias"),
            new(Role.MlpInWeight, "h.{l}.mlp.c_fc.weight"),
            new(Role.MlpInBias, "h.{l}.mlp.c_fc.bias"),
            new(Role.MlpOutWeight, "h.{l}.mlp.c_proj.weight"),
            new(Role.MlpOutBias, "h.{l}.mlp.c_proj.bias"),
            new(Role.FinalNormWeight, "ln_f.weight"),
            new(Role.FinalNormBias, "ln_f.bias"),
            // The head lies beside the transformer in Hugging Face's module tree, not inside it.
            new(Role.HeadWeight, "lm_head.weight") { OutsidePrefix = true },
            new(Role.HeadBias, "lm_head.bias") { OutsidePrefix = true },
        ],
        // Causal masks that old writers saved as buffers.
        Ignored = ["h.*.attn.bias", "h.*.attn.masked_bias"],
        // Of classifiers, multiple choice, question answering, and the value heads of reinforcement learning.
        OtherHeads =
        [
            "score.*", "classifier.*", "multiple_choice_head.*", "qa_outputs.*", "v_head.*", "value_head.*",
            "reward_head.*", "summary.*",
        ],
        Config = new ConfigKeys
        {
            NanoGptContextLength = "block_size",
            ContextLength = "n_positions",
            OlderContextLength = "n_ctx",
            Width = "n_embd",
            Layers = "n_layer",
            Heads = "n_head",
            Inner = "n_inner",
            Activation = "activation_function",
            LayerNormEpsilon = "layer_norm_epsilon",
            ScaleAttention = "scale_attn_weights",
            ScaleAttentionByLayer = "scale_attn_by_inverse_layer_idx",
            ResidualDropout = "resid_pdrop",
            EmbeddingDropout = "embd_pdrop",
            AttentionDropout = "attn_pdrop",
            AbsentDropout = 0.1f,
            // reorder_and_upcast_attn is not here: it is float32 attention, and ours is.
            Refused = ["add_cross_attention"],
            Constants = new Dictionary<string, string>
            {
                ["architectures"] = """["GPT2LMHeadModel"]""",
                ["initializer_range"] = "0.02",
            },
        },
        BlockAliases =
        [
            ("input", SiteKind.ResidPre),
            ("ln_1", SiteKind.Ln1Normalized), ("ln_1.output", SiteKind.Ln1Normalized),
            ("attn.c_proj.input", SiteKind.Z),
            ("attn", SiteKind.AttnOut), ("attn.output", SiteKind.AttnOut),
            ("attn.output[0]", SiteKind.AttnOut), ("attn.c_proj.output", SiteKind.AttnOut),
            ("ln_2.input", SiteKind.ResidMid),
            ("ln_2", SiteKind.Ln2Normalized), ("ln_2.output", SiteKind.Ln2Normalized),
            ("mlp.c_fc.output", SiteKind.MlpPre),
            ("mlp.act", SiteKind.MlpPost), ("mlp.c_proj.input", SiteKind.MlpPost),
            ("mlp", SiteKind.MlpOut), ("mlp.output", SiteKind.MlpOut),
            ("output", SiteKind.ResidPost), ("output[0]", SiteKind.ResidPost),
        ],
        OuterAliases =
        [
            ("wte", SiteKind.Embed), ("wte.output", SiteKind.Embed),
            ("wpe", SiteKind.PosEmbed), ("wpe.output", SiteKind.PosEmbed),
            ("ln_f", SiteKind.LnFinalNormalized), ("ln_f.output", SiteKind.LnFinalNormalized),
            ("lm_head", SiteKind.Logits), ("lm_head.output", SiteKind.Logits),
        ],
    };

    /// <summary>GPT-2 with 124 million parameters.</summary>
    public static ModelConfig Small { get; } = Published(12, 12, 768);

    /// <summary>GPT-2 with 355 million parameters.</summary>
    public static ModelConfig Medium { get; } = Published(24, 16, 1024);

    /// <summary>GPT-2 with 774 million parameters.</summary>
    public static ModelConfig Large { get; } = Published(36, 20, 1280);

    /// <summary>GPT-2 with 1.56 billion parameters.</summary>
    public static ModelConfig Xl { get; } = Published(48, 25, 1600);

    /// <summary>DistilGPT2, 82 million parameters.</summary>
    public static ModelConfig Distil { get; } = Published(6, 12, 768);

    static ModelConfig Published(int layers, int heads, int width) => new()
    {
        Architecture = Architecture,
        VocabSize = 50257, ContextLength = 1024, Width = width, Layers = layers, Heads = heads,
        BosToken = 50256, EosToken = 50256,
    };
}
