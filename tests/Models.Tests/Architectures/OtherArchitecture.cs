namespace HeadTap.Models.Tests;

/// <summary>
/// An architecture that no one has: other names and keys, matrices transposed, queries, keys and values head
/// by
/// head. It stands for the next one that is added.
/// </summary>
static class OtherArchitecture
{
    public static Architecture Value { get; } = new()
    {
        ModelType = "other",
        Prefix = "model.",
        GlobExample = "layers.*.mlp.*",
        BlockName = "layers",
        Parameters =
        [
            new(Role.TokenEmbedding, "embed.tokens"),
            new(Role.PositionEmbedding, "embed.places"),
            new(Role.Norm1Weight, "layers.{l}.first_norm.gain"),
            new(Role.Norm1Bias, "layers.{l}.first_norm.shift"),
            new(Role.QkvWeight, "layers.{l}.attention.all", StoredForm.QkvByHead),
            new(Role.QkvBias, "layers.{l}.attention.all_shift", StoredForm.QkvByHead),
            new(Role.ProjWeight, "layers.{l}.attention.dense", StoredForm.Transposed),
            new(Role.ProjBias, "layers.{l}.attention.dense_shift"),
            new(Role.Norm2Weight, "layers.{l}.second_norm.gain"),
            new(Role.Norm2Bias, "layers.{l}.second_norm.shift"),
            new(Role.MlpInWeight, "layers.{l}.mlp.up", StoredForm.Transposed),
            new(Role.MlpInBias, "layers.{l}.mlp.up_shift"),
            new(Role.MlpOutWeight, "layers.{l}.mlp.down", StoredForm.Transposed),
            new(Role.MlpOutBias, "layers.{l}.mlp.down_shift"),
            new(Role.FinalNormWeight, "last_norm.gain"),
            new(Role.FinalNormBias, "last_norm.shift"),
            new(Role.HeadWeight, "readout.matrix") { OutsidePrefix = true },
            new(Role.HeadBias, "readout.shift") { OutsidePrefix = true },
        ],
        Config = new ConfigKeys
        {
            VocabSize = "tokens",
            ContextLength = "places",
            Width = "hidden_size",
            Layers = "num_layers",
            Heads = "num_heads",
            Inner = "intermediate_size",
            Activation = "hidden_act",
            LayerNormEpsilon = "norm_eps",
            ResidualDropout = "hidden_dropout",
            EmbeddingDropout = "embedding_dropout",
            AttentionDropout = "attention_dropout",
            AbsentTiedHead = false,
        },
        BlockAliases = [("attention.dense.input", SiteKind.Z)],
        OuterAliases = [("readout", SiteKind.Logits)],
    };
}
