namespace HeadTap.Models;

/// <summary>
/// GPT-NeoX (Black et al. 2022) and Pythia (Biderman et al. 2023) as Hugging Face's
/// <c>GPTNeoXForCausalLM</c> stores them: rotary embeddings of a part of each head, attention and
/// feed-forward
/// block in parallel, matrices [outputs, inputs], queries, keys and values head by head, an untied head.
/// </summary>
public static class GptNeoX
{
    /// <summary>Names, roles and config keys.</summary>
    public static Architecture Architecture { get; } = new()
    {
        ModelType = "gpt_neox",
        Prefix = "gpt_neox.",
        GlobExample = "layers.*.mlp.*",
        BlockName = "layers",
        Parameters =
        [
            new(Role.TokenEmbedding, "embed_in.weight"),
            new(Role.Norm1Weight, "layers.{l}.input_layernorm.weight"),
            new(Role.Norm1Bias, "layers.{l}.input_layernorm.bias"),
            new(Role.Norm2Weight, "layers.{l}.post_attention_layernorm.weight"),
            new(Role.Norm2Bias, "layers.{l}.post_attention_layernorm.bias"),
            new(Role.QkvWeight, "layers.{l}.attention.query_key_value.weight", StoredForm.QkvByHead),
            new(Role.QkvBias, "layers.{l}.attention.query_key_value.bias", StoredForm.QkvByHead),
            new(Role.ProjWeight, "layers.{l}.attention.dense.weight", StoredForm.Transposed),
            new(Role.ProjBias, "layers.{l}.attention.dense.bias"),
            new(Role.MlpInWeight, "layers.{l}.mlp.dense_h_to_4h.weight", StoredForm.Transposed),
            new(Role.MlpInBias, "layers.{l}.mlp.dense_h_to_4h.bias"),
            new(Role.MlpOutWeight, "layers.{l}.mlp.dense_4h_to_h.weight", StoredForm.Transposed),
            new(Role.MlpOutBias, "layers.{l}.mlp.dense_4h_to_h.bias"),
            new(Role.FinalNormWeight, "final_layer_norm.weight"),
            new(Role.FinalNormBias, "final_layer_norm.bias"),
            new(Role.HeadWeight, "embed_out.weight") { OutsidePrefix = true },
            new(Role.HeadBias, "embed_out.bias") { OutsidePrefix = true },
        ],
        // Masks and frequencies that old writers saved. Frequencies in 16 bits are less exact than the
        // formula.
        Ignored =
        [
            "layers.*.attention.bias", "layers.*.attention.masked_bias",
            "layers.*.attention.rotary_emb.inv_freq",
        ],
        // transformers 5.13 renamed the module.
        OtherNames = new Dictionary<string, string>
        {
            ["lm_head.weight"] = "embed_out.weight", ["lm_head.bias"] = "embed_out.bias",
        },
        OtherHeads = ["score.*", "classifier.*", "qa_outputs.*"],
        Config = new ConfigKeys
        {
            ContextLength = "max_position_embeddings",
            Width = "hidden_size",
            Layers = "num_hidden_layers",
            Heads = "num_attention_heads",
            Inner = "intermediate_size",
            WritesInner = true,
            Activation = "hidden_act",
            AbsentActivation = Runtime.Activation.GeluExact,
            LayerNormEpsilon = "layer_norm_eps",
            AbsentTiedHead = false,
            RotaryShare = "rotary_pct",
            AbsentRotaryShare = 0.25f,
            ParallelResidual = "use_parallel_residual",
            ResidualDropout = "hidden_dropout",
            EmbeddingDropout = "hidden_dropout",
            AttentionDropout = "attention_dropout",
            Needed = ["attention_bias"],
            Constants = new Dictionary<string, string>
            {
                ["architectures"] = "[\"GPTNeoXForCausalLM\"]", ["attention_bias"] = "true",
                ["initializer_range"] = "0.02",
            },
        },
        BlockAliases = [("attention.dense.input", SiteKind.Z)],
        OuterAliases = [("embed_in", SiteKind.Embed), ("embed_out", SiteKind.Logits)],
    };
}
