using System.Text.Json.Nodes;
using HeadTap.Runtime;

namespace HeadTap.Models.Tests;

/// <summary>config.json: what is read, what is written, and what is refused.</summary>
sealed class ModelConfigTests
{
    // The fields of the published file, in its order.
    const string Published = """
        {
          "activation_function": "gelu_new",
          "architectures": ["GPT2LMHeadModel"],
          "attn_pdrop": 0.1,
          "bos_token_id": 50256,
          "embd_pdrop": 0.1,
          "eos_token_id": 50256,
          "initializer_range": 0.02,
          "layer_norm_epsilon": 1e-05,
          "model_type": "gpt2",
          "n_ctx": 1024,
          "n_embd": 768,
          "n_head": 12,
          "n_layer": 12,
          "n_positions": 1024,
          "resid_pdrop": 0.1,
          "summary_activation": null,
          "summary_first_dropout": 0.1,
          "task_specific_params": { "text-generation": { "do_sample": true, "max_length": 50 } },
          "vocab_size": 50257
        }
        """;

    static string With(string field, string json)
    {
        JsonNode config = JsonNode.Parse(Published)!;
        config[field] = JsonNode.Parse(json);
        return config.ToJsonString();
    }

    static ModelConfig Read(string text)
    {
        using var folder = new TemporaryFolder();
        return ModelConfig.Read(folder.Write("config.json", text));
    }

    [Test]
    public void The_published_file_is_gpt2_small() =>
        Assert.That(Read(Published), Is.EqualTo(Gpt2.Small));

    [Test]
    public void Every_option_comes_back()
    {
        ModelConfig config = ModelConfig.Tiny with
        {
            Inner = 96, Activation = Activation.GeluExact, LayerNormEpsilon = 1e-6f, TiedHead = false,
            ScaleAttention = false, ScaleAttentionByLayer = true, ResidualDropout = 0f,
                EmbeddingDropout = 0.25f, AttentionDropout = 0.3f,
            BosToken = 0, EosToken = 60,
        };
        using var folder = new TemporaryFolder();
        foreach (ModelConfig c in (ModelConfig[])[config, ModelConfig.Tiny,
            config with { Activation = Activation.Relu }])
        {
            c.Write(folder["config.json"]);
            Assert.That(ModelConfig.Read(folder["config.json"]), Is.EqualTo(c));
        }
    }

    [Test]
    public void The_written_file_says_what_hugging_face_looks_for()
    {
        using var folder = new TemporaryFolder();
        Gpt2.Small.Write(folder["config.json"]);
        JsonNode json = JsonNode.Parse(File.ReadAllText(folder["config.json"]))!;
        Assert.That((string)json["model_type"]!, Is.EqualTo("gpt2"));
        Assert.That((string)json["architectures"]![0]!, Is.EqualTo("GPT2LMHeadModel"));
        Assert.That((string)json["activation_function"]!, Is.EqualTo("gelu_new"));
        Assert.That((int)json["n_positions"]!, Is.EqualTo(1024));
        Assert.That(json.AsObject().ContainsKey("n_inner") && json["n_inner"] is null);
    }

    [Test]
    public void Inner_follows_the_width_until_it_is_set()
    {
        Assert.That((ModelConfig.Tiny with { Width = 40 }).Inner, Is.EqualTo(160));
        Assert.That((ModelConfig.Tiny with { Inner = 7, Width = 40 }).Inner, Is.EqualTo(7));
        Assert.That(Read(With("n_inner", "3072")), Is.EqualTo(Gpt2.Small));
        Assert.That(Gpt2.Xl.HeadWidth, Is.EqualTo(64));
    }

    [TestCase("gelu_pytorch_tanh", Activation.GeluTanh)]
    [TestCase("gelu_new", Activation.GeluTanh)]
    [TestCase("gelu_fast", Activation.GeluTanh)]
    [TestCase("gelu_accurate", Activation.GeluTanh)]
    [TestCase("gelu_python_tanh", Activation.GeluTanh)]
    [TestCase("gelu", Activation.GeluExact)]
    [TestCase("gelu_python", Activation.GeluExact)]
    [TestCase("relu", Activation.Relu)]
    public void Activations_are_known_by_their_names(string name, Activation activation) =>
        Assert.That(Read(With("activation_function", $"\"{name}\"")).Activation, Is.EqualTo(activation));

    [Test]
    public void Variants_of_attention_are_computed_or_change_nothing_in_float32()
    {
        Assert.That(Read(With("scale_attn_by_inverse_layer_idx", "true")),
            Is.EqualTo(Gpt2.Small with { ScaleAttentionByLayer = true }));
        Assert.That(Read(With("scale_attn_weights", "false")),
            Is.EqualTo(Gpt2.Small with { ScaleAttention = false }));
        Assert.That(Read(With("reorder_and_upcast_attn", "true")), Is.EqualTo(Gpt2.Small));
        Assert.That(Read(With("pruned_heads", "{}")), Is.EqualTo(Gpt2.Small));
    }

    [Test]
    public void A_config_of_nanogpt_has_the_exact_gelu()
    {
        ModelConfig config = Read("""
            {"n_layer": 2, "n_head": 4, "n_embd": 32, "block_size": 16, "bias": false, "vocab_size": 61}
            """);
        Assert.That(config, Is.EqualTo(ModelConfig.Tiny with { Activation = Activation.GeluExact }));
    }

    [Test]
    public void A_token_outside_the_vocabulary_is_none() =>
        Assert.That(Read(With("vocab_size", "1000")), Is.EqualTo(Gpt2.Small with
        {
            VocabSize = 1000, BosToken = null, EosToken = null,
        }));

    [TestCase("vocab_size", "0", "vocab_size is 0")]
    [TestCase("vocab_size", "-5", "vocab_size is -5")]
    [TestCase("vocab_size", "2147483647", "vocab_size")]
    [TestCase("vocab_size", "21474836470", "whole number")]
    [TestCase("vocab_size", "1.5", "whole number")]
    [TestCase("vocab_size", "\"50257\"", "whole number")]
    [TestCase("vocab_size", "null", "missing")]
    [TestCase("n_embd", "770", "not divisible")]
    [TestCase("n_embd", "0", "n_embd")]
    [TestCase("n_embd", "60000", "vocab_size x n_embd")]
    [TestCase("n_head", "0", "n_head")]
    [TestCase("n_head", "-12", "n_head")]
    [TestCase("n_layer", "0", "n_layer")]
    [TestCase("n_layer", "100000000", "n_layer")]
    [TestCase("n_positions", "0", "n_positions")]
    [TestCase("n_inner", "0", "n_inner")]
    [TestCase("n_inner", "-1", "n_inner")]
    [TestCase("n_inner", "2000000000", "n_inner")]
    [TestCase("layer_norm_epsilon", "0", "layer_norm_epsilon")]
    [TestCase("layer_norm_epsilon", "-1e-5", "layer_norm_epsilon")]
    [TestCase("layer_norm_epsilon", "1e400", "layer_norm_epsilon")]
    [TestCase("attn_pdrop", "1.5", "attn_pdrop")]
    [TestCase("resid_pdrop", "-0.1", "resid_pdrop")]
    [TestCase("activation_function", "\"silu\"", "silu")]
    [TestCase("activation_function", "3", "text")]
    [TestCase("model_type", "\"llama\"", "llama")]
    [TestCase("tie_word_embeddings", "1", "true or false")]
    [TestCase("bos_token_id", "\"a\"", "bos_token_id")]
    [TestCase("activation_function", "\"quick_gelu\"", "gelu_fast")]
    [TestCase("activation_function", "\"gelu_10\"", "gelu_fast")]
    [TestCase("scale_attn_by_inverse_layer_idx", "1", "true or false")]
    [TestCase("pruned_heads", "{\"0\": [1]}", "pruned heads")]
    [TestCase("add_cross_attention", "true", "not supported")]
    public void A_wrong_field_is_refused_by_name(string field, string value, string word) =>
        BadInput.Refused(() => Read(With(field, value)), "config.json", field, word);

    [Test] // as Transformers takes it
    public void Dropout_may_be_whole()
        => Assert.That(Read(With("resid_pdrop", "1")).ResidualDropout, Is.EqualTo(1f));

    [TestCase("")]
    [TestCase("{")]
    [TestCase("[1]")]
    [TestCase("{}")]
    [TestCase("""{"n_embd":768,"n_embd":768}""")]
    [TestCase("""{"model_type":"\ud800"}""")]
    public void A_file_that_is_no_config_is_refused(string text) =>
        BadInput.Refused(() => Read(text), "config.json");

    [Test]
    public void Deep_json_and_a_long_file_are_refused()
    {
        BadInput.Refused(() => Read("{\"a\":" + new string('[', 100_000)), "JSON");
        BadInput.Refused(() => Read(Published + new string(' ', 2 << 20)), "at most");
        using var folder = new TemporaryFolder();
        BadInput.Refused(() => ModelConfig.Read(folder["config.json"]), "no such file");
    }

    [Test]
    public void A_config_that_could_not_be_read_back_is_not_written()
    {
        using var folder = new TemporaryFolder();
        BadInput.Refused(() =>
            (ModelConfig.Tiny with { Heads = 5 }).Write(folder["config.json"]), "not divisible");
        Assert.That(folder.Files(), Is.Empty);
    }
}
