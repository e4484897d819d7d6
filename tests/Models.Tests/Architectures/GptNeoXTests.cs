using System.Text.Json.Nodes;
using HeadTap.Reference;
using HeadTap.Runtime;

namespace HeadTap.Models.Tests;

/// <summary>Folders of GPT-NeoX and Pythia: config, names, orders, what is refused. The arithmetic is in the
/// tests of
/// the decoder, which run this architecture too.</summary>
public sealed class GptNeoXTests
{
    static readonly Architecture[] s_known = [Gpt2.Architecture, GptNeoX.Architecture];

    // Published counts (Biderman et al. 2023).
    [TestCase(6, 128, 4, 50304, 14_067_712), TestCase(6, 512, 8, 50304, 70_426_624),
     TestCase(12, 768, 12, 50304, 162_322_944), TestCase(24, 1024, 16, 50304, 405_334_016),
     TestCase(32, 2560, 32, 50304, 2_775_208_960), TestCase(32, 4096, 32, 50432, 6_857_302_016)]
    public void Pythias_have_their_published_numbers_of_parameters(
        int layers, int width, int heads, int vocabulary, long parameters)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["config.json"], Config(layers, width, heads, vocabulary).ToJsonString());
        ModelConfig config = ModelConfig.Read(folder["config.json"], s_known);
        Assert.That(new ParameterLayout(config).TotalLength, Is.EqualTo(parameters));
        Assert.That(config.RotaryNumbers, Is.EqualTo(width / heads / 4));
        Assert.That(config.RotaryNumbers % 2, Is.Zero);
        Assert.That((config.ParallelResidual, config.Activation, config.TiedHead, config.EosToken),
            Is.EqualTo((true, Activation.GeluExact, false, (int?)0)));
    }

    [Test]
    public void The_older_keys_hold_before_those_of_version_5()
    {
        using var folder = new TemporaryFolder();
        ModelConfig Read(Action<JsonObject> change)
        {
            JsonObject json = Config(2, 160, 2, 50);
            change(json);
            File.WriteAllText(folder["config.json"], json.ToJsonString());
            return ModelConfig.Read(folder["config.json"], s_known);
        }
        ModelConfig five = Read(json =>
        {
            json.Remove("rotary_pct");
            json.Remove("rotary_emb_base");
            json["rope_parameters"] = new JsonObject
            {
                ["rope_type"] = "default", ["rope_theta"] = 500, ["partial_rotary_factor"] = 0.5,
            };
        });
        Assert.That((five.RotaryNumbers, five.RotaryBase), Is.EqualTo((40, 500f)));
        ModelConfig both = Read(json => json["rope_parameters"] = new JsonObject { ["rope_theta"] = 500 });
        Assert.That((both.RotaryNumbers, both.RotaryBase), Is.EqualTo((20, 10_000f)));
        Assert.That(Read(json => json.Remove("rotary_pct")).RotaryNumbers, Is.EqualTo(20));
        Assert.That(Read(json => json["rotary_pct"] = 0).RotaryNumbers, Is.Zero);
        Assert.That(Read(json => json["use_parallel_residual"] = false).ParallelResidual, Is.False);
        Assert.That(Read(json => json["rope_scaling"] = null).RotaryNumbers, Is.EqualTo(20));

        BadInput.Refused(() => Read(json => json["rope_scaling"] = new JsonObject { ["type"] = "linear" }),
            "rope_scaling.type", "linear", "not supported");
        BadInput.Refused(() => Read(json =>
            json["rope_parameters"] = new JsonObject { ["rope_type"] = "yarn" }),
            "rope_parameters.rope_type", "yarn");
        BadInput.Refused(() => Read(json => json["rotary_pct"] = 0.0375), "rotary_pct", "3 of a head's 80",
            "even");
        BadInput.Refused(() => Read(json => json["rotary_pct"] = 1.5), "rotary_pct", "120 of a head's 80");
        BadInput.Refused(() => Read(json => json["rotary_emb_base"] = 0), "rotary_emb_base", "above 1");
        BadInput.Refused(() => Read(json => json["attention_bias"] = false), "attention_bias", "true");
        BadInput.Refused(() => Read(json => json["hidden_act"] = "swish"), "hidden_act", "swish");
    }

    [Test]
    public void A_written_folder_is_read_back_with_the_same_bytes()
    {
        using var folder = new TemporaryFolder();
        using var test = new TestModel("cpu512", TestModel.NeoX);
        test.Model.Save(folder["a"]);
        JsonObject json = JsonNode.Parse(File.ReadAllText(folder["a/config.json"]))!.AsObject();
        Assert.That((string?)json["model_type"], Is.EqualTo("gpt_neox"));
        Assert.That((int?)json["intermediate_size"], Is.EqualTo(28));
        Assert.That((float?)json["rotary_pct"], Is.EqualTo(0.8f));
        using LanguageModel loaded = LanguageModel.Load(test.Model.Device, folder["a"], s_known);
        Assert.That(loaded.Config, Is.EqualTo(test.Model.Config));
        loaded.Save(folder["b"]);
        Assert.That(File.ReadAllBytes(folder["b/model.safetensors"]),
            Is.EqualTo(File.ReadAllBytes(folder["a/model.safetensors"])));
        using SafetensorsReader file = SafetensorsReader.Open(folder["a/model.safetensors"]);
        Assert.That(file.Entries.Select(e => e.Name), Does.Contain("embed_out.weight")
            .And.Contain("gpt_neox.layers.1.attention.query_key_value.weight").And.Contain(
                "gpt_neox.embed_in.weight"));
    }

    [Test]
    public void Every_share_of_every_head_is_read_back()
    {
        using var folder = new TemporaryFolder();
        foreach (int D in (int[])[6, 20, 42, 50, 80, 98, 256])
            for (int m = 2; m <= D; m += 2)
            {
                ModelConfig config = TestModel.NeoX with { Width = 2 * D, Heads = 2, RotaryNumbers = m };
                config.Write(folder["config.json"]);
                Assert.That(ModelConfig.Read(folder["config.json"], s_known), Is.EqualTo(config),
                    $"{m} of {D}");
            }
    }

    [Test]
    public void Buffers_and_the_newer_name_of_the_head_are_read()
    {
        using var folder = new TemporaryFolder();
        using var test = new TestModel("cpu512", TestModel.NeoX);
        float[] head = test.Model.Weights.Head.ToArray();
        Load(folder, test, writer =>
        {
            for (int l = 0; l < 2; l++)
            {
                writer.Add($"gpt_neox.layers.{l}.attention.bias", [1, 1, 3, 3], (float[])[.. new float[9]]);
                writer.Add($"gpt_neox.layers.{l}.attention.masked_bias", [1],
                    (float[])[float.NegativeInfinity]);
                writer.Add($"gpt_neox.layers.{l}.attention.rotary_emb.inv_freq", [2], (float[])[1, 0.01f]);
            }
        }, name => name == "embed_out.weight" ? "lm_head.weight" : name);
        Load(folder, test, writer => writer.Add("lm_head.weight", [37, 20], head), name => name);
        head[3]++;
        BadInput.Refused(() => Load(folder, test,
            writer => writer.Add("lm_head.weight", [37, 20], head), name => name),
            "two names with different numbers", "lm_head.weight");
        BadInput.Refused(() => Load(folder, test, _ => { }, name => name == "embed_out.weight" ? null : name),
            "missing", "embed_out.weight");
        BadInput.Refused(() => Load(folder, test, _ => { },
            name => name?.EndsWith("1.attention.dense.bias", StringComparison.Ordinal) == true ? null : name),
            "missing", "layers.1.attention.dense.bias");
    }

    [Test]
    public void A_parallel_block_has_no_stream_in_its_middle()
    {
        Assert.That(Site.All(TestModel.NeoX).Select(s => s.Kind), Does.Not.Contain(SiteKind.ResidMid)
            .And.Not.Contain(SiteKind.PosEmbed));
        BadInput.Refused(() => Site.Match("blocks.1.hook_resid_mid", TestModel.NeoX), "parallel",
            "hook_resid_pre");
        Assert.That(Site.Match("blocks.*.hook_resid_*", TestModel.NeoX), Has.Count.EqualTo(4));
        using var test = new TestModel("cpu512", TestModel.NeoX);
        BadInput.Refused(() => new ModelSession(test.Model, new SessionOptions
        {
            MaxTokens = 3, Record = [Site.ResidMid(0)],
        }).Dispose(), "blocks.0.hook_resid_mid does not exist");
    }

    // The product's own float64 run, which `verify` compares with, against the textbook.
    [TestCase(true, 4), TestCase(false, 2), TestCase(true, 0)]
    public void The_float64_run_equals_the_textbook_at_every_site(bool parallel, int numbers)
    {
        ModelConfig config = TestModel.NeoX with { ParallelResidual = parallel, RotaryNumbers = numbers };
        using var test = new TestModel("cpu512", config);
        int[] tokens = test.Tokens(3, 9);
        Dictionary<string, double[]> exact = Gpt2Reference.Forward(test.Sizes, test.Exact, tokens);
        var seen = new List<string>();
        new Float64Decoder(config, name => test.Model.Set[name].ToArray()).Run(tokens, (name, _, values) =>
        {
            seen.Add(name);
            for (int i = 0; i < values.Length; i++)
                Assert.That(values[i] == exact[name][i] || Math.Abs(values[i] - exact[name][i]) <= 1e-10,
                    Is.True,
                    $"{name}[{i}]: {values[i]:R}, textbook {exact[name][i]:R}");
        });
        Assert.That(seen, Is.EqualTo(test.Sizes.Sites(9).Select(s => s.Name)));
    }

    // Writes the model's folder again with other names and further tensors, and reads it.
    static void Load(TemporaryFolder folder, TestModel test, Action<SafetensorsWriter> more, Func<string,
        string?> name)
    {
        test.Model.Save(folder["model"]);
        var writer = new SafetensorsWriter();
        using (SafetensorsReader file = SafetensorsReader.Open(folder["model/model.safetensors"]))
            foreach (SafetensorsEntry entry in file.Entries)
            {
                float[] values = new float[entry.Length];
                file.Read(entry.Name, values);
                if (name(entry.Name) is { } renamed)
                    writer.Add(renamed, [.. entry.Shape.Select(n => (int)n)], values);
            }
        more(writer);
        writer.Save(folder["model/model.safetensors"]);
        using LanguageModel loaded = LanguageModel.Load(test.Model.Device, folder["model"], s_known);
        foreach (ParameterSlice slice in loaded.Parameters.Slices)
            Assert.That(loaded.Set[slice.Name].ToArray(), Is.EqualTo(test.Model.Set[slice.Name].ToArray()),
                slice.Name);
    }

    static JsonObject Config(int layers, int width, int heads, int vocabulary) => new()
    {
        ["architectures"] = new JsonArray("GPTNeoXForCausalLM"), ["model_type"] = "gpt_neox",
        ["hidden_size"] = width, ["num_hidden_layers"] = layers, ["num_attention_heads"] = heads,
        ["intermediate_size"] = 4 * width, ["hidden_act"] = "gelu", ["rotary_pct"] = 0.25,
        ["rotary_emb_base"] = 10000, ["max_position_embeddings"] = 2048, ["layer_norm_eps"] = 1e-05,
        ["use_parallel_residual"] = true, ["tie_word_embeddings"] = false, ["vocab_size"] = vocabulary,
        ["bos_token_id"] = 0, ["eos_token_id"] = 0, ["torch_dtype"] = "float16",
    };
}
