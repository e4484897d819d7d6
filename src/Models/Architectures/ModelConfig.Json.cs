using System.Text.Json;
using System.Text.Json.Nodes;
using HeadTap.Runtime;

namespace HeadTap.Models;

// Hugging Face's config.json. Fields that do not change what the model computes are not read.
public sealed partial record ModelConfig
{
    // Ours: Hugging Face's GPT-2 has no bias in its head and would leave it out.
    const string HeadBiasField = "headtap_head_bias";

    static readonly string[] Unsupported =
        ["scale_attn_by_inverse_layer_idx", "reorder_and_upcast_attn", "add_cross_attention"];
    static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    /// <summary>Reads a Hugging Face <c>config.json</c>.</summary>
    /// <remarks>A beginning or end token outside the vocabulary, the default in small models, becomes
    /// null.</remarks>
    /// <exception cref="UserException">It is missing, is not a GPT-2, or asks for something we do not
    /// do.</exception>
    public static ModelConfig Read(string path)
    {
        using JsonDocument document = InputFile.ReadJsonObject(path, most: 1 << 20);
        var json = new JsonFields(path, document.RootElement);
        string type = json.Text("model_type", "gpt2");
        if (type != "gpt2")
            throw json.Bad("model_type", Quoted.Name(type), "\"gpt2\"");
        foreach (string option in Unsupported)
            if (json.Flag(option, false))
                throw json.Bad(option, "true", "false; this variant of attention is not supported");
        int vocabSize = json.Int("vocab_size"), width = json.Int("n_embd");
        int inner = json.Int("n_inner", 0);
        return new ModelConfig
        {
            VocabSize = vocabSize,
            ContextLength = json.Has("n_positions") ? json.Int("n_positions") : json.Int("n_ctx"),
            Width = width,
            Layers = json.Int("n_layer"),
            Heads = json.Int("n_head"),
            Inner = inner == 4L * width ? 0 : json.Has("n_inner") && inner == 0 ? -1 : inner,
            Activation = ReadActivation(json),
            LayerNormEpsilon = json.Float("layer_norm_epsilon", 1e-5f),
            TiedHead = json.Flag("tie_word_embeddings", true),
            HeadBias = json.Flag(HeadBiasField, false),
            ScaleAttention = json.Flag("scale_attn_weights", true),
            ResidualDropout = json.Float("resid_pdrop", 0.1f),
            EmbeddingDropout = json.Float("embd_pdrop", 0.1f),
            AttentionDropout = json.Float("attn_pdrop", 0.1f),
            BosToken = json.Token("bos_token_id", vocabSize),
            EosToken = json.Token("eos_token_id", vocabSize),
        }.Validated(path);
    }

    /// <summary>Writes a <c>config.json</c> that Hugging Face loads as <c>GPT2LMHeadModel</c>.</summary>
    /// <exception cref="UserException">A size is not usable, or the place cannot be written.</exception>
    public void Write(string path)
    {
        Validated(path);
        var json = new JsonObject
        {
            ["activation_function"] = ActivationName(Activation),
            ["architectures"] = new JsonArray("GPT2LMHeadModel"),
            ["attn_pdrop"] = AttentionDropout,
            ["bos_token_id"] = BosToken,
            ["embd_pdrop"] = EmbeddingDropout,
            ["eos_token_id"] = EosToken,
            ["initializer_range"] = 0.02,
            ["layer_norm_epsilon"] = LayerNormEpsilon,
            ["model_type"] = "gpt2",
            ["n_ctx"] = ContextLength,
            ["n_embd"] = Width,
            ["n_head"] = Heads,
            ["n_inner"] = _inner == 0 ? null : _inner,
            ["n_layer"] = Layers,
            ["n_positions"] = ContextLength,
            ["resid_pdrop"] = ResidualDropout,
            ["scale_attn_weights"] = ScaleAttention,
            ["tie_word_embeddings"] = TiedHead,
            ["vocab_size"] = VocabSize,
        };
        if (HeadBias)
            json[HeadBiasField] = true;
        AtomicFile.WriteText(path, json.ToJsonString(Indented) + "\n");
    }

    static Activation ReadActivation(JsonFields json) => json.Text("activation_function", "gelu_new") switch
    {
        "gelu_new" or "gelu_pytorch_tanh" => Activation.GeluTanh,
        "gelu" => Activation.GeluExact,
        "relu" => Activation.Relu,
        var other => throw json.Bad("activation_function", Quoted.Name(other),
            "gelu_new, gelu_pytorch_tanh, gelu or relu"),
    };

    internal static string ActivationName(Activation activation) => activation switch
    {
        Activation.GeluTanh => "gelu_new",
        Activation.GeluExact => "gelu",
        Activation.Relu => "relu",
        _ => throw new ArgumentOutOfRangeException(nameof(activation), activation, null),
    };
}
