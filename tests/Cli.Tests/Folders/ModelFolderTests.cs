using System.Text.Json.Nodes;
using HeadTap.Lens;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Cli.Tests;

/// <summary>Model folders that are not as Hugging Face writes them, through the verbs.</summary>
sealed class ModelFolderTests
{
    static string Model(TemporaryFolder folder, string name, Action<LanguageModel>? change = null,
        ModelConfig? config = null, bool tokenizer = true)
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using var model = new LanguageModel(device, config ?? TinyModel.Config);
        model.Initialize(5);
        change?.Invoke(model);
        model.Save(folder[name], tokenizer ? TinyModel.Folder : null);
        return folder[name];
    }

    static void Put(LanguageModel model, string parameter, int at, float value)
    {
        float[] values = model.Set[parameter].ToArray();
        values[at] = value;
        model.Set[parameter].Upload(values);
    }

    static readonly string[][] Verbs =
    [
        ["generate", "--ids", "1,2,3", "--max-new-tokens", "2"],
        ["grad", "--ids", "1,2,3", "--out", "{out}"],
        ["trace", "--ids", "1,2,3", "--json"],
        ["trace", "--ids", "1,2,3", "--sites", "logits", "--out", "{out}"],
        ["verify"],
        ["profile", "--tokens", "4", "--repeats", "1"],
        ["lens", "read", "--lens", "logit", "--ids", "1,2,3"],
        ["lens", "eval", "--lens", "logit", "--batch", "{batch}"],
        ["inject", "run", "--ids", "1,2,3", "--memory-ids", "4", "--answer-id", "5", "--layer", "0"],
        ["unlearn", "measure", "--sequences", "{sequences}", "--prompt", "2", "--continuation", "2"],
        ["eval", "--text-file", "{text}"],
    ];

    [TestCaseSource(nameof(Verbs))]
    public void A_weight_that_is_no_number_is_one_line_in_every_verb(params string[] verb)
    {
        using var folder = new TemporaryFolder();
        string model = Model(folder, "m", m => Put(m, "h.1.mlp.c_proj.weight", 41, float.NaN));
        string line = Headtap.Refused([.. Named(folder, verb), "--model", model, "--device", "cpu"]);
        Assert.That(line, Does.Contain("model.safetensors").And.Contain("h.1.mlp.c_proj.weight")
            .And.Contain("NaN at [2, 1]").And.Contain("1 of its 560 numbers"));
        Assert.That(line, Does.Contain("--allow-nonfinite"));
    }

    [TestCaseSource(nameof(Verbs))]
    public void Finite_weights_that_overflow_are_one_line_with_the_first_site(params string[] verb)
    {
        using var folder = new TemporaryFolder();
        string model = Model(folder, "m", m =>
        {
            m.Set["h.0.mlp.c_fc.bias"].Upload([.. Enumerable.Repeat(3e38f, 28)]);
            m.Set["h.0.mlp.c_proj.weight"].Upload([.. Enumerable.Repeat(1f, 560)]);
        });
        string line = Headtap.Refused([.. Named(folder, verb), "--model", model, "--device", "cpu"]);
        if (verb[0] != "grad" && verb[0] != "profile")
            Assert.That(line, Does.Contain("blocks.0.").And.Contain("is the first site"));
        Assert.That(line, Does.Not.Contain("tau").And.Not.Contain("learning"));
    }

    static string[] Named(TemporaryFolder folder, string[] verb)
    {
        folder.Write("rows.json", "[[1,2,3],[4,5,6,7]]");
        folder.Write("text.txt", "the capital of the country is the city");
        folder.Write("s.jsonl", "{\"ids\":[1,2,3,4]}\n{\"ids\":[5,6,7,8]}\n");
        return [.. verb.Select(a => a switch
        {
            "{out}" => folder["o.safetensors"], "{batch}" => folder["rows.json"], "{text}"
                => folder["text.txt"],
            "{sequences}" => folder["s.jsonl"], _ => a,
        })];
    }

    [Test]
    public void Who_hunts_such_numbers_can_look_at_them()
    {
        using var folder = new TemporaryFolder();
        string model = Model(folder, "m", m => Put(m, "ln_f.bias", 3, float.PositiveInfinity));
        Headtap trace = Headtap.Done("trace", "--model", model, "--ids", "1,2", "--json",
            "--allow-nonfinite");
        Assert.That(trace.Error, Does.Contain("ln_f.bias"));
        Assert.That(trace.Json.AsArray().Single(s => (string)s!["step"]! == "logits")!["norm"], Is.Null);
        foreach (string[] more in (string[][])[[], ["--json"]])
        {
            Headtap verify = Headtap.Run(["verify", "--model", model, "--allow-nonfinite", "--device", "cpu",
                .. more]);
            Assert.That(verify.Code, Is.EqualTo(1), verify.Error);
            Assert.That(verify.Out, Does.Contain(more.Length > 0 ? "\"passed\": false" : "FAILED"));
        }
        // In a row that no token of the run has.
        string unread = Model(folder, "n", m => Put(m, "wte.weight", 20 * 270, float.NaN));
        Assert.That(Headtap.Run("verify", "--model", unread, "--ids", "1,2", "--allow-nonfinite", "--device",
            "cpu")
            .Code, Is.EqualTo(1));
    }

    [Test]
    public void An_edit_that_overflows_is_one_line()
    {
        using var folder = new TemporaryFolder();
        string edit = folder.Write("e.json", """
            {"edits":[{"site":"blocks.0.hook_resid_post","op":"scale","alpha":1e38},
                      {"site":"blocks.1.hook_resid_pre","op":"scale","alpha":1e38}]}
            """);
        foreach (string[] verb in (string[][])[["generate", "--max-new-tokens", "2"],
            ["trace", "--sites", "logits", "--out", folder["o.safetensors"]],
                ["grad", "--out", folder["g.safetensors"]]])
            Assert.That(Headtap.Refused([.. verb, "--model", TinyModel.Folder, "--ids", "1,2,3", "--edit",
                edit,
                "--device", "cpu"]), Does.Contain("blocks.").And.Contain("first site")
                    .And.Contain("edits of"));
    }

    [Test]
    public void A_head_of_its_own_is_told_used_hashed_and_kept()
    {
        using var folder = new TemporaryFolder();
        string model = Model(folder, "m", config: TinyModel.Config with { TiedHead = false }), config =
            Path.Combine(model, "config.json");
        float[] untied = Logits(folder, model, "");
        File.WriteAllText(config, File.ReadAllText(config).Replace("\"tie_word_embeddings\": false",
            "\"tie_word_embeddings\": true", StringComparison.Ordinal));
        Assert.That(Logits(folder, model, "lm_head.weight differs"), Is.EqualTo(untied));
        string forget = folder.Write("f.jsonl", "{\"ids\":[1,2,3,4,5,6,7,8]}\n");
        Headtap.Done("unlearn", "run", "--model", model, "--method", "durable", "--budget", "0", "--forget",
            forget,
            "--prompt", "4", "--continuation", "4", "--out", folder["same"]);
        Assert.That(File.ReadAllBytes(Path.Combine(folder["same"], "model.safetensors")),
            Is.EqualTo(File.ReadAllBytes(Path.Combine(model, "model.safetensors"))));
        Assert.That(Logits(folder, folder["same"], ""), Is.EqualTo(untied));
    }

    static float[] Logits(TemporaryFolder folder, string model, string remark)
    {
        Headtap run = Headtap.Done("trace", "--model", model, "--ids", "3,41,0,17", "--sites", "logits",
            "--out",
            folder["l.safetensors"]);
        Assert.That(run.Error, remark.Length == 0 ? Is.Empty : Does.Contain(remark));
        Assert.That(run.Error.Split('\n'), Has.Length.LessThanOrEqualTo(2), "one line");
        using SafetensorsReader reader = SafetensorsReader.Open(folder["l.safetensors"]);
        float[] logits = new float[reader.Find("logits").Length];
        reader.Read("logits", logits);
        return logits;
    }

    [Test]
    public void A_lens_of_another_computation_of_the_same_weights_is_refused()
    {
        using var folder = new TemporaryFolder();
        string lens = TinyLenses.Write(folder, "lens", new LensOptions { Kind = LensKind.Thin }, [0, 1]);
        string model = Model(folder, "m",
            config: TinyModel.Config with { Activation = Activation.GeluExact });
        Assert.That(File.ReadAllBytes(Path.Combine(model, "model.safetensors")), Is.EqualTo(
            File.ReadAllBytes(Path.Combine(TinyModel.Folder, "model.safetensors"))));
        Headtap.Done("lens", "read", "--model", TinyModel.Folder, "--lens", lens, "--ids", "1,2,3");
        Assert.That(Headtap.Refused("lens", "read", "--model", model, "--lens", lens, "--ids", "1,2,3",
            "--device",
            "cpu"), Does.Contain("model with hash"));
    }

    // The last rows of the vocabulary have no token, and the model writes one of them.
    [Test]
    public void A_row_without_a_token_can_win_anywhere()
    {
        using var folder = new TemporaryFolder();
        ModelConfig config = TinyModel.Config with { VocabSize = 288, TiedHead = false };
        string model = Model(folder, "m", m =>
        {
            // ln_f's bias points along the head's row 285, and along no other.
            float[] head = new float[288 * 20];
            head[285 * 20] = 5;
            m.Set["lm_head.weight"].Upload(head);
            m.Set["ln_f.bias"].Upload([20, .. new float[19]]);
        }, config);
        Headtap written = Headtap.Done("generate", "--model", model, "--text", "the", "--max-new-tokens",
            "2");
        Assert.That(written.Out, Does.Contain("<id 285><id 285>"));
        foreach (string[] verb in (string[][])[["lens", "read", "--lens", "logit", "--text", "the"],
            ["lens", "read", "--lens", "logit", "--text", "the", "--json"],
            ["inject", "run", "--text", "the", "--memory", " city", "--answer", " city", "--layer", "0"]])
            Assert.That(Headtap.Done([.. verb, "--model", model]).Out, Does.Contain("id 285")
                .And.Not.Contain("id·285"), verb[1]);
        Headtap.Done("trace", "--model", model, "--ids", "285,1");
    }

    [TestCase("tf_model.h5"), TestCase("flax_model.msgpack"), TestCase("model.ckpt.index")]
    public void Weights_of_other_programs_are_named_before_the_tokenizer(string weights)
    {
        using var folder = new TemporaryFolder();
        folder.Write(weights, "");
        File.Copy(Path.Combine(TinyModel.Folder, "config.json"), folder["config.json"]);
        string texts = folder.Write("t.txt", "the");
        foreach (string[] call in (string[][])[["generate", "--text", "the"], ["trace", "--text", "the"],
            ["eval", "--text-file", texts], ["lens", "eval", "--lens", "logit", "--text-file", texts],
            ["inject", "run", "--ids", "1", "--memory", "the", "--answer-id", "1", "--layer", "0"]])
            Assert.That(Headtap.Refused([.. call, "--model", folder.Path]),
                Does.Contain(weights).And.Not.Contain("tokenizer"), string.Join(' ', call));
        File.Delete(folder[weights]);
        File.Copy(Path.Combine(TinyModel.Folder, "model.safetensors"), folder["model.safetensors"]);
        Assert.That(Headtap.Refused("generate", "--text", "the", "--model", folder.Path),
            Does.Contain("no tokenizer"));
    }

    [Test]
    public void A_tokenizer_with_more_tokens_than_the_model_serves_texts_without_them()
    {
        using var folder = new TemporaryFolder();
        string model = Model(folder, "m");
        File.WriteAllText(Path.Combine(model, "added_tokens.json"), """{"[PAD]": 280}""");
        string text = folder.Write("text.txt",
            "the capital of the country is the city\na city of the north\n");
        string Config(string from) => folder.Write("train.json", $$"""
            {
              "model": { "from": {{JsonValue.Create(from).ToJsonString()}} },
              "data": { "files": [{{JsonValue.Create(text).ToJsonString()}}] },
              "rows": "packed", "tokens_per_row": 8, "batch_rows": 1, "steps": 1, "seed": 1
            }
            """);
        string[][] verbs =
        [
            ["eval", "--text-file", text, "--model", model],
            ["generate", "--text", "the capital", "--max-new-tokens", "2", "--model", model],
            ["lens", "eval", "--lens", "logit", "--text-file", text, "--model", model],
            ["lens", "train", "--kind", "thin", "--steps", "1", "--text-file", text, "--out", folder["lens"],
                "--model", model],
            ["train", "--config", Config(model), "--out", folder["t"]],
        ];
        foreach (string[] verb in verbs)
            Headtap.Done(verb);

        // Training puts the end-of-text token, 279, between documents, and this model lacks it.
        string smaller = Model(folder, "s", config: TinyModel.Config with
        {
            VocabSize = 279, BosToken = null, EosToken = null,
        });
        Headtap.Done("eval", "--text-file", text, "--model", smaller);
        Assert.That(Headtap.Refused("train", "--config", Config(smaller), "--out", folder["u"], "--device",
            "cpu"),
            Does.Contain("token id 279; the model's vocabulary is 0 to 278"));
    }
}
