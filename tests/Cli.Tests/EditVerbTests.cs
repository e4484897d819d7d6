using System.Text.Json.Nodes;
using HeadTap.Lens;
using HeadTap.Models;

namespace HeadTap.Cli.Tests;

/// <summary>--edit at every verb that takes it, and edits that do nothing.</summary>
public sealed class EditVerbTests
{
    // Attention and MLPs of all blocks write nothing: only the embeddings are left.
    const string Silence = """
        {"edits":[{"site":"blocks.*.hook_attn_out","op":"zero"},{"site":"blocks.*.hook_mlp_out","op":"zero"}]}
        """;

    static TemporaryFolder s_folder = null!;
    static string s_silence = "", s_texts = "";

    [OneTimeSetUp]
    public static void Write()
    {
        s_folder = new TemporaryFolder();
        s_silence = s_folder.Write("silence.json", Silence);
        s_texts = s_folder.Write("texts.txt", "the capital of the country is the city of the north");
    }

    [OneTimeTearDown]
    public static void Remove() => s_folder.Dispose();

    [TestCase("""{"positions":[99]}""", "no row has position 99; the longest has 0 to 2")]
    [TestCase("""{"positions":[0,-4]}""", "no row has position -4")]
    [TestCase("""{"positions":{"from":3}}""", "no row has position 3")]
    [TestCase("""{"steps":[2]}""", "step 2 is never reached; a single pass is step 0")]
    public void An_edit_that_does_nothing_is_refused_in_a_single_pass(string fields, string reason)
    {
        string spec = Zero("nothing.json", fields);
        Assert.That(Headtap.Refused("trace", "--model", TinyModel.Folder, "--ids", "1,2,3", "--edit", spec),
            Does.Contain(reason).And.Contain("blocks.0.hook_attn_out"));
        Assert.That(Headtap.Refused("grad", "--model", TinyModel.Folder, "--ids", "1,2,3", "--edit", spec,
            "--out", s_folder["g.safetensors"]), Does.Contain(reason));
        Assert.That(Headtap.Refused("lens", "read", "--model", TinyModel.Folder, "--ids", "1,2,3", "--lens",
            "logit", "--edit", spec), Does.Contain(reason));
    }

    [TestCase("", "its list of edits is empty, so it changes nothing")]
    [TestCase("""{"site":"logits","op":"add","alpha":0,"value":7}""",
        "edit 0 has alpha 0, so it changes nothing")]
    [TestCase("""
        {"site":"logits","op":"zero"},{"site":"logits","op":"scale","alpha":1},
        {"site":"hook_embed","op":"project_out","alpha":0,"value":1}
        """, "edit 1 has alpha 1, edit 2 has alpha 0, so they change nothing")]
    [TestCase("""{"site":"logits","op":"add","value":0}""", "edit 0 adds 0, so it changes nothing")]
    [TestCase("""
        {"site":"logits","op":"replace","value":0},
        {"site":"hook_embed","op":"add","value":[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]}
        """, "edit 1 adds zeros, so it changes nothing")]
    [TestCase("""{"site":"logits","op":"add","value":7},{"site":"logits","op":"scale","alpha":0}""", null)]
    public void An_edit_that_leaves_every_value_gets_a_remark(string edits, string? remark)
    {
        string spec = s_folder.Write("idle.json", $$"""{"edits":[{{edits}}]}""");
        foreach (string[] verb in (string[][])[["trace", "--ids", "1,2"], ["eval", "--text-file", s_texts],
            ["generate", "--ids", "1,2", "--max-new-tokens", "2"]])
        {
            string said = Headtap.Done([.. verb, "--model", TinyModel.Folder, "--edit", spec]).Error;
            Assert.That(said, remark is null ? Does.Not.Contain("nothing")
                : Does.Contain($"{spec}: {remark}\n"));
        }
    }

    [TestCase("""{"positions":[9]}""", null), TestCase("""{"positions":[10]}""", "no row has position 10"),
     TestCase("""{"steps":[7]}""", null), TestCase("""{"steps":[8]}""", "step 8 is never reached; the last")]
    public void A_generation_remarks_at_its_end_on_what_it_never_came_to(string fields, string? remark)
    {
        Headtap run = Headtap.Done("generate", "--model", TinyModel.Folder, "--ids", "1,2,3",
            "--max-new-tokens", "8", "--edit", Zero("late.json", fields));
        if (remark is null)
            Assert.That(run.Error, Does.Not.Contain("edit at"));
        else
            Assert.That(run.Error, Does.Contain(remark));
    }

    [Test]
    public void A_spec_that_a_verb_wrote_says_when_another_model_runs_it()
    {
        using var folder = new TemporaryFolder();
        string twin = folder["twin"];
        Directory.CreateDirectory(twin);
        foreach (string file in Directory.GetFiles(TinyModel.Folder))
            File.Copy(file, Path.Combine(twin, Path.GetFileName(file)));
        string config = Path.Combine(twin, "config.json"), text = File.ReadAllText(config);
        File.WriteAllText(config, text.Replace("1E-05", "0.1", StringComparison.Ordinal));
        Assert.That(ModelFolder.Hash(twin), Is.Not.EqualTo(ModelFolder.Hash(TinyModel.Folder)), text);
        (string Command, string[] Options)[] writers =
        [
            ("inject run", ["--text", "the city", "--memory", " north", "--answer", "country", "--layer",
                "1"]),
            ("lens memory", ["--lens", "logit", "--from", "the capital", "--into", "the city of the north",
                "--answer", "country"]),
            ("inject suggest", ["--explicit", "the capital is", "--obscure", "the city of the north is",
                "--answer", "country"]),
        ];
        foreach ((string command, string[] options) in writers)
        {
            string spec = folder[command.Replace(' ', '-') + ".json"];
            Headtap.Done([.. command.Split(' '), "--model", TinyModel.Folder, .. options, "--edit-out",
                spec]);
            JsonNode made = JsonNode.Parse(File.ReadAllText(spec + ".manifest.json"))!;
            Assert.That((string)made["command"]!, Is.EqualTo(command));
            Assert.That((string)made["model_hash"]!, Is.EqualTo(ModelFolder.Hash(TinyModel.Folder)));
            string Said(string model) => Headtap.Done("trace", "--model", model, "--text", "the north",
                "--edit", spec).Error;
            Assert.That(Said(TinyModel.Folder), Does.Not.Contain("another model"));
            Assert.That(Said(twin), Does.Contain($"{spec}: this edit was made from another model ("
                + ModelFolder.Hash(TinyModel.Folder)[..12]));
        }
    }

    [TestCase("raw"), TestCase("transformer-lens")]
    public void A_spec_for_the_other_form_of_the_weights_gets_a_remark(string weights)
    {
        using var folder = new TemporaryFolder();
        string spec = folder["spec.json"], texts = folder.Write("t.txt", "the city of the north");
        Headtap.Done("inject", "run", "--model", TinyModel.Folder, "--text", "the city", "--memory", " north",
            "--answer", "country", "--layer", "1", "--weights", weights, "--edit-out", spec);
        bool raw = weights == "raw";
        string lens = $"{spec}: this edit was made with --weights transformer-lens, and this call runs the "
            + "raw weights; ";
        string[] prompt = ["--model", TinyModel.Folder, "--text", "the city", "--edit", spec];
        foreach (string[] verb in (string[][])[["trace"], ["generate", "--max-new-tokens", "1"]])
        {
            Assert.That(Headtap.Done([.. verb, .. prompt]).Error, raw ? Does.Not.Contain("this edit")
                : Does.Contain(lens + "--processed runs those\n"));
            Assert.That(Headtap.Done([.. verb, .. prompt, "--processed"]).Error, raw
                ? Does.Contain("this edit was made with the raw weights, and this call runs those of "
                    + "--processed; without it the raw ones run\n") : Does.Not.Contain("this edit"));
        }
        Assert.That(Headtap.Done("eval", "--model", TinyModel.Folder, "--text-file", texts, "--edit", spec)
            .Error, raw ? Does.Not.Contain("this edit")
            : Does.Contain(lens + "trace and generate run those with --processed\n"));
    }

    [Test]
    public void Minus_one_is_last()
    {
        string Trace(string fields) => Headtap.Done("trace", "--model", TinyModel.Folder, "--ids", "1,2,3",
            "--json", "--edit", Zero("last.json", fields)).Out;
        Assert.That(Trace("""{"positions":[-1]}"""), Is.EqualTo(Trace("""{"positions":"last"}"""))
            .And.Not.EqualTo(Trace("""{"positions":[-2]}""")));
    }

    [Test]
    public void Eval_measures_the_edited_model()
    {
        JsonNode Eval(params string[] more) => Headtap.Done(["eval", "--model", TinyModel.Folder,
            "--text-file", s_texts, "--json", .. more]).Json;
        double plain = (double)Eval()["loss"]!, silent = (double)Eval("--edit", s_silence)["loss"]!;
        Assert.That(silent, Is.Not.EqualTo(plain).Within(1e-6));
        // What is left of the model is a table: the same loss comes out of its logits, one token at a time.
        int[] ids = Tokens(File.ReadAllText(s_texts));
        Headtap.Done("trace", "--model", TinyModel.Folder, "--ids", string.Join(',', ids),
            "--edit", s_silence, "--sites", "logits", "--out", s_folder["logits.npy"]);
        (int[] shape, float[] logits) = NpyFile.ReadFloats(s_folder["logits.npy"]);
        double sum = 0;
        for (int t = 0; t + 1 < ids.Length; t++)
        {
            double[] row = [.. logits.Skip(t * shape[2]).Take(shape[2]).Select(v => (double)v)];
            sum += Math.Log(row.Sum(Math.Exp)) - row[ids[t + 1]];
        }
        Assert.That(silent, Is.EqualTo(sum / (ids.Length - 1)).Within(1e-5));
        Assert.That(Headtap.Refused("eval", "--model", TinyModel.Folder, "--text-file", s_texts, "--edit",
            Zero("far.json", """{"positions":[23]}""")), Does.Contain("no row has position 23"));
        Assert.That(Headtap.Refused("eval", "--model", TinyModel.Folder, "--text-file", s_texts, "--edit",
            Zero("rows.json", """{"rows":[0]}""")), Does.Contain("leave rows out"));
    }

    [Test]
    public void Lenses_read_the_edited_run()
    {
        JsonNode Read(params string[] more) => Headtap.Done(["lens", "read", "--model", TinyModel.Folder,
            "--ids", "1,2,3", "--lens", "logit", "--json", .. more]).Json;
        string heads = s_folder.Write("z.json", """
            {"edits":[{"site":"blocks.1.attn.hook_z","op":"replace","heads":[0,2],"value":0}]}
            """);
        JsonNode plain = Read(), edited = Read("--edit", heads, "--out", s_folder["read.html"]);
        Assert.That(plain["heads"]!.AsArray().Zip(edited["heads"]!.AsArray())
            .Select(h => h.First!["top"]!.ToJsonString() == h.Second!["top"]!.ToJsonString()),
            Is.EqualTo((bool[])[true, true, true, true, false, true, false, true]));
        JsonNode manifest = JsonNode.Parse(File.ReadAllText(s_folder["read.html.manifest.json"]))!;
        Assert.That(manifest["options"]!["edit"]!["edits"]![0]!["heads"]!.ToJsonString(),
            Is.EqualTo("[0,2]"));
        double Kl(params string[] more) => (double)Headtap.Done(["lens", "eval", "--model", TinyModel.Folder,
            "--lens", "logit", "--text-file", s_texts, "--json", .. more]).Json["layers"]![1]!["kl"]!;
        Assert.That(Kl("--edit", heads), Is.Not.EqualTo(Kl()).Within(1e-6));
        Assert.That(Headtap.Refused("lens", "eval", "--model", TinyModel.Folder, "--lens", "logit",
            "--text-file", s_texts, "--edit", Zero("step.json", """{"steps":[1]}""")),
            Does.Contain("step 1 is never reached"));
    }

    [Test]
    public void Memorisation_is_that_of_the_edited_model()
    {
        using var folder = new TemporaryFolder();
        string file = TinyRecital.Write(folder, "s.jsonl", TinyRecital.Sequences(6, spoilt: false));
        double Memorised(params string[] more) => (double)Headtap.Done(["unlearn", "measure", "--model",
            TinyModel.Folder, "--sequences", file, .. TinyRecital.Asked, "--json", .. more])
            .Json["memorised"]!;
        Assert.That(Memorised(), Is.EqualTo(1));
        Assert.That(Memorised("--edit", s_silence), Is.LessThan(1));
        Memorised("--edit", Zero("late.json", """{"steps":[4],"positions":[-1]}"""));
        Assert.That(Headtap.Refused(["unlearn", "measure", "--model", TinyModel.Folder, "--sequences", file,
            .. TinyRecital.Asked, "--edit", Zero("later.json", """{"steps":[5]}""")]),
            Does.Contain("step 5 is never reached; the last step is 4"));
    }

    [Test]
    public void Texts_npy_files_and_means_are_values()
    {
        JsonNode Trace(string value, params string[] more) => Headtap.Done(["trace", "--model",
            TinyModel.Folder, "--ids", "1,2,3", "--json", "--edit", s_folder.Write("value.json",
            $$"""{"edits":[{"site":"blocks.0.hook_resid_post","op":"replace","value":{{value}}}]}"""),
            .. more]).Json;
        int[] city = Tokens(" city");
        Assert.That(Trace("""{"unembed":" city"}""").ToJsonString(),
            Is.EqualTo(Trace($$"""{"unembed":[{{string.Join(',', city)}}]}""").ToJsonString()));
        Headtap written = Headtap.Done("trace", "--model", TinyModel.Folder, "--ids", "1,2,3", "--sites",
            "blocks.0.hook_resid_post", "--out", s_folder["stream.npy"], "--json");
        Assert.That(written.Json["tensors"]!.AsObject().Select(t => t.Key),
            Is.EqualTo((string[])["blocks.0.hook_resid_post"]), "the file holds nothing else");
        string plain = Headtap.Done("trace", "--model", TinyModel.Folder, "--ids", "1,2,3", "--json").Out;
        Assert.That(Trace("""{"file":"stream.npy"}""").ToJsonString(),
            Is.EqualTo(JsonNode.Parse(plain)!.ToJsonString()));
        s_folder.Write("one.txt", "the");
        Headtap.Done("trace", "--model", TinyModel.Folder, "--text", "the", "--bos", "--sites",
            "blocks.0.hook_resid_post", "--out", s_folder["the.npy"]);
        float[] two = NpyFile.ReadFloats(s_folder["the.npy"]).Values;
        double norm = Math.Sqrt(3 * Enumerable.Range(0, 20)
            .Sum(i => Math.Pow(Enumerable.Range(0, two.Length / 20).Average(t => two[t * 20 + i]), 2)));
        JsonNode mean = Trace("""{"mean_of":"one.txt"}""");
        JsonNode withBos = Headtap.Done("trace", "--model", TinyModel.Folder, "--ids", "1,2", "--bos",
            "--json", "--edit", s_folder["value.json"]).Json;
        double Norm(JsonNode steps) => (double)steps.AsArray()
            .Single(s => (string)s!["step"]! == "blocks.0.hook_resid_post")!["norm"]!;
        Assert.That(Norm(withBos), Is.EqualTo(norm).Within(1e-5));
        Assert.That(Norm(mean), Is.Not.EqualTo(norm).Within(1e-5), "without --bos it is another mean");
    }

    [Test]
    public void A_lens_reads_a_child_of_its_model_when_asked()
    {
        using var folder = new TemporaryFolder();
        string lens = TinyLenses.Write(folder, "lens", new() { Kind = LensKind.Head }, [0, 1]);
        Headtap.Done("unlearn", "run", "--model", TinyModel.Folder, "--method", "durable", "--budget", "0.2",
            "--forget", TinyRecital.Write(folder, "f.jsonl", TinyRecital.Sequences(4, spoilt: false)),
            "--prompt", "3", "--continuation", "5", "--out", folder["child"]);
        string[] Line(string model, params string[] more) => ["lens", "read", "--model", model, "--ids",
            "5,6,7", "--lens", lens, "--json", .. more];
        JsonNode parent = Headtap.Done(Line(TinyModel.Folder)).Json,
            child = Headtap.Done(Line(folder["child"], "--lens-of", "parent")).Json;
        Assert.That((string)child["model_hash"]!, Is.EqualTo(ModelFolder.Hash(folder["child"])));
        Assert.That(child["heads"]!.ToJsonString(), Is.Not.EqualTo(parent["heads"]!.ToJsonString()));
        Assert.That(Headtap.Refused(Line(folder["child"])), Does.Contain("--lens-of parent"));
        Assert.That(Headtap.Refused(Line(TinyModel.Folder, "--lens-of", "parent")),
            Does.Contain($"{TinyModel.Folder}: has no manifest.json, which names the model that a child was "
                + "made from; leave --lens-of out, or make the folder anew with unlearn run or unlearn "
                + "apply\n"));
        Assert.That(Headtap.Refused(Line(TinyModel.Folder, "--lens-of", "child")),
            Does.Contain("expected model or parent"));
        string foreign = TinyLenses.Write(folder, "foreign", new() { Kind = LensKind.Head }, [0],
            modelHash: new string('a', 64));
        Assert.That(Headtap.Refused("lens", "eval", "--model", folder["child"], "--lens", foreign,
            "--lens-of", "parent", "--text-file", s_texts), Does.Contain("made for a model with hash"));
        Headtap.Done("lens", "eval", "--model", folder["child"], "--lens", lens, "--lens-of", "parent",
            "--text-file", s_texts);
        string manifest = Path.Combine(folder["child"], "manifest.json"), config = Path.Combine(
            folder["child"], "config.json"), written = File.ReadAllText(manifest);
        void Refused(string why) => Assert.That(
            Headtap.Refused(Line(folder["child"], "--lens-of", "parent")),
            Does.Contain($"{folder["child"]}: {why}; leave --lens-of out, or make the folder anew"));
        File.WriteAllText(manifest, """{"command": "merge"}""");
        Refused("its manifest.json names no model that this one was made from");
        File.WriteAllText(manifest, written);
        // Another config or other weights under the same manifest are not that child.
        string usual = File.ReadAllText(config);
        File.WriteAllText(config, usual.Replace("1E-05", "0.1", StringComparison.Ordinal));
        Assert.That(File.ReadAllText(config), Is.Not.EqualTo(usual));
        Refused("its config.json is not the one that its manifest.json was written for");
        File.WriteAllText(config, usual);
        File.Copy(Path.Combine(TinyModel.Folder, "model.safetensors"),
            Path.Combine(folder["child"], "model.safetensors"), overwrite: true);
        Refused("its weights are not those that its manifest.json was written for");
        JsonNode older = JsonNode.Parse(written)!;
        older["options"]!.AsObject().Remove("child_weights");
        File.WriteAllText(manifest, older.ToJsonString());
        Refused("its weights or its config.json are not those that its manifest.json was written for");
    }

    [Test]
    public void Eval_counts_the_positions_of_an_edit_as_grad_does()
    {
        // The last token has no target, so an edit there changes no loss; the one before it does.
        double plain = Loss(), last = Loss("-1"), before = Loss("-2");
        Assert.That(last, Is.EqualTo(plain));
        Assert.That(before, Is.Not.EqualTo(plain).Within(1e-6));
        Assert.That(before, Is.EqualTo((double)Headtap.Done("grad", "--model", TinyModel.Folder,
            "--text-file", s_texts, "--edit", Zero("before.json", """{"positions":[-2]}"""),
            "--out", s_folder["eval.safetensors"], "--json").Json["loss"]!).Within(1e-6));
        int tokens = Tokens("the capital of the country is the city of the north").Length;
        Assert.That(Headtap.Refused("eval", "--model", TinyModel.Folder, "--text-file", s_texts, "--edit",
            Zero("beyond.json", $$"""{"positions":[{{tokens}}]}""")),
            Does.Contain($"the longest has 0 to {tokens - 1}"));
    }

    [Test]
    public void Eval_says_when_positions_are_those_of_windows()
        => Assert.That(Headtap.Done("eval", "--model", TinyModel.Folder, "--text-file", s_texts, "--context",
            "4", "--edit", Zero("window.json", """{"positions":[3]}""")).Error,
            Does.Contain("1 of 1 text is longer than 4 tokens; edits count their positions"));

    static double Loss(string? position = null) => (double)Headtap.Done(["eval", "--model", TinyModel.Folder,
        "--text-file", s_texts, "--json", .. position is null ? (string[])[] : ["--edit",
            Zero("eval.json", $$"""{"positions":[{{position}}]}""")]]).Json["loss"]!;

    static int[] Tokens(string text) => [.. Headtap.Done("tokenize", "--model", TinyModel.Folder,
        "--text", text, "--quiet").Out.Trim().Split(',').Select(int.Parse)];

    // fields: an object with the fields to add.
    static string Zero(string name, string fields) => s_folder.Write(name,
        $$"""{"edits":[{"site":"blocks.0.hook_attn_out","op":"zero",{{fields[1..^1]}}}]}""");
}
