namespace HeadTap.Cli.Tests;

/// <summary>Every mistake gives one line and exit code 2, and leaves nothing behind.</summary>
public sealed class BadInputTests
{
    [TestCase("unknown verb", "sing")]
    [TestCase("--loud", "devices", "--loud")]
    [TestCase("--seed is \"x\"; expected a whole number from 0", "devices", "--seed", "x")]
    [TestCase("--seed is \"-1\"; expected a whole number from 0", "devices", "--seed", "-1")]
    [TestCase("precision \"fp16\" is unknown; expected fp32, tf32 or bf16", "devices", "--precision", "fp16")]
    [TestCase("--threads is -3", "devices", "--threads", "-3")]
    [TestCase("--model", "tokenize", "--text", "a")]
    [TestCase("--device", "devices", "--device")]
    [TestCase("--max-new-tokens is \"2.5\"", "generate", "--model", "m", "--ids", "1",
        "--max-new-tokens", "2.5")]
    [TestCase("--temperature is \"hot\"; expected a number", "generate", "--model", "m", "--ids", "1",
        "--temperature", "hot")]
    [TestCase("--greedy draws nothing", "generate", "--model", "m", "--ids", "1", "--greedy", "--top-k", "3")]
    public void Options_are_refused_before_any_work(string reason, params string[] args)
    {
        string line = Headtap.Refused(args);
        if (reason != "unknown verb")
            Assert.That(line, Does.Contain(reason));
    }

    [TestCase("--fields without --text-file; expected a file of texts, or leave it out", "--model", "{m}",
        "--text", "a", "--fields", "body")]
    [TestCase("--fields and --lines without --text-file; expected a file of texts, or leave them out",
        "--model", "{m}", "--ids", "1", "--lines", "--fields", "body")]
    [TestCase("no such folder", "--model", "nowhere", "--ids", "1")]
    [TestCase("no prompt", "--model", "{m}")]
    [TestCase("more than one prompt", "--model", "{m}", "--ids", "1", "--text", "a")]
    [TestCase("\"x\" is not a token id", "--model", "{m}", "--ids", "1,x")]
    [TestCase("\"\" is not a token id", "--model", "{m}", "--ids", "1,,2")]
    [TestCase("token id 280; the model's vocabulary is 0 to 279", "--model", "{m}", "--ids", "1,280")]
    [TestCase("\"-1\" is not a token id", "--model", "{m}", "--ids", "-1")]
    [TestCase("the prompt has 25 tokens; the model's context ends at 24", "--model", "{m}", "--ids",
        "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1")]
    [TestCase("the prompt is empty", "--model", "{m}", "--text", "")]
    [TestCase("the prompt is empty", "--model", "{m}", "--ids", "")]
    [TestCase("matches nothing", "--model", "{m}", "--ids", "1", "--sites", "blocks.9.attn.hook_z")]
    [TestCase("matches nothing", "--model", "{m}", "--ids", "1", "--sites", "blocks.0.attn.hook_z,")]
    [TestCase("the sites are 2", "--model", "{m}", "--ids", "1", "--out", "{t}/f.npy")]
    [TestCase("no such file", "--model", "{m}", "--batch", "nowhere.json")]
    [TestCase("no such file", "--model", "{m}", "--ids", "1", "--edit", "nowhere.json")]
    [TestCase("no such file", "--model", "{m}", "--text-file", "nowhere.txt")]
    [TestCase("device gpu is not a name", "--model", "{m}", "--ids", "1", "--device", "gpu")]
    [TestCase("device cpu has no tf32", "--model", "{m}", "--ids", "1", "--device",
        "cpu", "--precision", "tf32")]
    [TestCase("cannot be written", "--model", "{m}", "--ids", "1", "--out", "{m}/config.json/f.safetensors")]
    [TestCase("a folder has this name", "--model", "{m}", "--ids", "1", "--out", "{m}")]
    public void A_trace_that_cannot_be_made_leaves_nothing(string reason, params string[] args)
    {
        using var folder = new TemporaryFolder();
        List<string> line =
            ["trace", .. args.Select(a => a.Replace("{m}", TinyModel.Folder, StringComparison.Ordinal)
            .Replace("{t}", folder.Path, StringComparison.Ordinal))];
        if (!args.Contains("--sites"))
            line.AddRange(["--sites", "blocks.*.attn.hook_z"]);
        if (!args.Contains("--out"))
            line.AddRange(["--out", folder["deep/er/f.safetensors"]]);
        Assert.That(Headtap.Refused([.. line]), Does.Contain(reason));
        Assert.That(folder.Entries(), Is.Empty);
    }

    [TestCase("not valid JSON", "[[1, 2], [3")]
    [TestCase("it is not a list, or empty", "{\"ids\": [1]}")]
    [TestCase("it is not a list, or empty", "[]")]
    [TestCase("row 1 is not a list", "[[1], 2]")]
    [TestCase("row 0 has \"1.5\"", "[[1.5]]")]
    [TestCase("row 0 has the text \"1\"", "[[\"1\"]]")]
    [TestCase("row 0 has \"99999999999\"", "[[99999999999]]")]
    [TestCase("not valid JSON", "[[[[[[[[1]]]]]]]]")]
    [TestCase("row 1 is empty", "[[1], []]")]
    [TestCase("row 1 has token id 400", "[[1], [2, 400]]")]
    public void A_batch_that_is_no_list_of_lists(string reason, string json)
    {
        using var folder = new TemporaryFolder();
        string file = folder.Write("batch.json", json);
        Assert.That(Headtap.Refused("grad", "--model", TinyModel.BareFolder, "--batch", file,
            "--out", folder["g.safetensors"]), Does.Contain(reason));
        Assert.That(folder.Entries(), Is.EqualTo((string[])["batch.json"]));
    }

    [TestCase("unknown field \"strength\"", """{"edits":[{"site":"logits","op":"zero","strength":2}]}""")]
    [TestCase("op is \"grow\"", """{"edits":[{"site":"logits","op":"grow"}]}""")]
    [TestCase("matches nothing", """{"edits":[{"site":"blocks.7.hook_attn_out","op":"zero"}]}""")]
    [TestCase("head 4 does not exist",
        """{"edits":[{"site":"blocks.1.attn.hook_z","op":"zero","head":4}]}""")]
    [TestCase("not valid JSON", "{")]
    [TestCase("row 1 does not exist; this batch has row 0 alone",
        """{"edits":[{"site":"hook_embed","op":"zero","rows":[0,1]}]}""")]
    [TestCase("its value has 3 numbers; hook_embed needs 20",
        """{"edits":[{"site":"hook_embed","op":"add","value":[1,2,3]}]}""")]
    [TestCase("has shape [280, 20]; hook_embed has [B, T, 20]", """
        {"edits":[{"site":"hook_embed","op":"patch",
          "value":{"file":"model.safetensors","tensor":"transformer.wte.weight"}}]}
        """)]
    [TestCase("no tensor", """
        {"edits":[{"site":"hook_embed","op":"patch","value":{"file":"model.safetensors","tensor":"x"}}]}
        """)]
    public void An_edit_that_cannot_be_applied(string reason, string json)
    {
        using var folder = new TemporaryFolder();
        string spec = folder.Write("edit.json", json);
        File.Copy(Path.Combine(TinyModel.Folder, "model.safetensors"), folder["model.safetensors"]);
        string[] before = folder.Entries();
        Assert.That(Headtap.Refused("trace", "--model", TinyModel.Folder, "--ids", "1,2", "--edit", spec,
            "--sites", "logits", "--out", folder["f.safetensors"]), Does.Contain(reason));
        Assert.That(Headtap.Refused("grad", "--model", TinyModel.Folder, "--ids", "1,2", "--edit", spec,
            "--out", folder["g.safetensors"]), Does.Contain(reason));
        Assert.That(Headtap.Refused("generate", "--model", TinyModel.Folder, "--ids", "1,2", "--edit", spec),
            Does.Contain(reason));
        Assert.That(folder.Entries(), Is.EqualTo(before));
    }

    [Test]
    public void A_stop_token_beyond_the_vocabulary_or_a_rule_of_files_without_one()
    {
        Assert.That(Headtap.Refused("generate", "--model", TinyModel.Folder, "--ids", "1", "--stop", "280"),
            Does.Contain("--stop is 280; expected a token id from 0 to 279; leave it out for none\n"));
        Assert.That(Headtap.Refused("tokenize", "--model", TinyModel.Folder, "--text", "a", "--lines"),
            Does.Contain("--lines without --text-file"));
    }

    [Test]
    public void A_model_without_tokenizer_takes_ids_but_no_text()
    {
        Assert.That(Headtap.Refused("generate", "--model", TinyModel.BareFolder, "--text", "the"),
            Does.Contain("vocab.json"));
        Headtap.Done("generate", "--model", TinyModel.BareFolder, "--ids", "1,2", "--max-new-tokens", "2");
    }

    static IEnumerable<TestCaseData> BrokenModels()
    {
        yield return Broken("truncated", "damaged", (dir, weights) =>
            File.WriteAllBytes(weights, File.ReadAllBytes(weights)[..^4]));
        yield return Broken("a header longer than the file", "header", (dir, weights) =>
        {
            byte[] bytes = File.ReadAllBytes(weights);
            bytes[6] = 1;
            File.WriteAllBytes(weights, bytes);
        });
        yield return Broken("empty", "", (_, weights) => File.WriteAllBytes(weights, []));
        yield return Broken("another width", "expected [280, 24]",
            (dir, _) => Config(dir, "\"n_embd\": 20", "\"n_embd\": 24"));
        yield return Broken("another depth", "", (dir, _) => Config(dir, "\"n_layer\": 2", "\"n_layer\": 3"));
        yield return Broken("heads that do not divide", "not divisible", (dir, _) =>
            Config(dir, "\"n_head\": 4", "\"n_head\": 3"));
        yield return Broken("deep JSON", "not valid JSON", (dir, _) =>
            File.WriteAllText(Path.Combine(dir, "config.json"), new string('[', 5000)));
        yield return Broken("more than any memory", "", (dir, _) =>
        {
            Config(dir, "\"n_layer\": 2", "\"n_layer\": 1000");
            Config(dir, "\"n_embd\": 20", "\"n_embd\": 16000");
        });
        yield return Broken("no weights", "neither model.safetensors", (_, weights) => File.Delete(weights));

        static TestCaseData Broken(string name, string reason, Action<string, string> harm)
            => new TestCaseData(reason, harm).SetArgDisplayNames(name);

        static void Config(string dir, string from, string to)
        {
            string path = Path.Combine(dir, "config.json"), text = File.ReadAllText(path);
            Assert.That(text, Does.Contain(from));
            File.WriteAllText(path, text.Replace(from, to, StringComparison.Ordinal));
        }
    }

    [TestCaseSource(nameof(BrokenModels))]
    public void A_damaged_model(string reason, Action<string, string> harm)
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder["m"]);
        foreach (string name in (string[])["config.json", "model.safetensors"])
            File.Copy(Path.Combine(TinyModel.BareFolder, name), folder[$"m/{name}"]);
        harm(folder["m"], folder["m/model.safetensors"]);
        string[] before = folder.Entries();
        string line = Headtap.Refused("trace", "--model", folder["m"], "--ids", "1,2", "--sites", "logits",
            "--out", folder["f.safetensors"], "--device", "cpu");
        Assert.That(line, Does.Contain(reason));
        Assert.That(folder.Entries(), Is.EqualTo(before));
    }

    [Test]
    public void An_interrupted_run_ends_with_130()
    {
        using var folder = new TemporaryFolder();
        Headtap run = Headtap.RunUntil(new CancellationToken(canceled: true), "trace",
            "--model", TinyModel.Folder,
            "--ids", "1,2", "--sites", "logits", "--out", folder["f.safetensors"], "--device", "cpu");
        Assert.That(run.Code, Is.EqualTo(130));
        Assert.That(folder.Entries(), Is.Empty);
    }
}
