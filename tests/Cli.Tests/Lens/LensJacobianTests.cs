using System.Text.Json.Nodes;
using HeadTap.Lens;
using HeadTap.Models;

namespace HeadTap.Cli.Tests;

/// <summary>Jacobian lenses: fit, reading, shards, published files, directions and first values.</summary>
public sealed class LensJacobianTests
{
    const string Rows = "[[5,6,7,8,9],[30,31,32,33],[5,40,41,42,43,44,45]]";

    [Test]
    public void A_fit_stores_a_matrix_of_each_layer_in_the_convention_of_its_rows()
    {
        using TemporaryFolder folder = Batch();
        JsonNode json = Fit(folder, "mid", "resid_mid", "--json").Json;
        Assert.That(((bool)json["complete"]!, (string?)json["site"], (int)json["prompts"]!),
            Is.EqualTo((true, "resid_mid", 3)));
        Fit(folder, "post", "resid_post");
        Assert.That(Names(folder, "mid"), Is.EqualTo((string[])["layers.0.jacobian", "layers.1.jacobian"]));
        Assert.That(Names(folder, "post"), Is.EqualTo((string[])["layers.0.jacobian"]));
        using SafetensorsReader reader = SafetensorsReader.Open(folder["mid/lens.safetensors"]);
        Assert.That(reader.Find("layers.0.jacobian").Shape, Is.EqualTo((long[])[20, 20]));
        JsonNode facts = JsonNode.Parse(File.ReadAllText(folder["mid/lens.json"]))!;
        Assert.That((string?)facts["lens"]!["site"], Is.EqualTo("resid_mid"));
        Assert.That((string?)facts["training"]!["positions"], Is.EqualTo("all"));
        Assert.That((string?)facts["model_hash"], Is.EqualTo(ModelFolder.Hash(TinyModel.Folder)));
        foreach (string field in (string[])["texts", "device", "precision"])
            Assert.That((string?)facts["training"]![field], Is.Not.Empty, field);
        Assert.That(Fit(folder, "mid", "resid_mid").Error, Does.Contain("nothing was fitted"));
    }

    [Test]
    public void Rows_of_a_pass_and_threads_give_the_same_file()
    {
        using TemporaryFolder folder = Batch();
        byte[] File(string name, params string[] more)
        {
            Fit(folder, name, "resid_mid", more);
            return System.IO.File.ReadAllBytes(folder[$"{name}/lens.safetensors"]);
        }
        byte[] expected = File("a");
        Assert.That(File("b", "--batch-rows", "1"), Is.EqualTo(expected));
        Assert.That(File("c", "--batch-rows", "7", "--threads", "1"), Is.EqualTo(expected));
    }

    [Test]
    public void It_is_read_evaluated_and_scanned_like_any_lens()
    {
        using TemporaryFolder folder = Batch();
        Fit(folder, "mid", "resid_mid");
        Fit(folder, "post", "resid_post");
        string[] model = ["--model", TinyModel.Folder];
        JsonNode read = Headtap.Done(
            ["lens", "read", .. model, "--ids", "5,6,7", "--lens", folder["mid"], "--json"]).Json;
        Assert.That((string?)read["lens"], Is.EqualTo("jacobian"));
        Assert.That(read["heads"]!.AsArray(), Has.Count.EqualTo(8));
        JsonNode stream = Headtap.Done(
            ["lens", "read", .. model, "--ids", "5,6,7", "--lens", folder["post"], "--json"]).Json;
        Assert.That((stream["heads"]!.AsArray().Count, stream["layers"]!.AsArray().Count),
            Is.EqualTo((0, 1)));
        Headtap.Done(["lens", "read", .. model, "--ids", "5,6,7", "--lens", folder["mid"],
            "--out", folder["page.html"]]);
        foreach (string lens in (string[])["mid", "post"])
        {
            JsonNode layer = Headtap.Done(["lens", "eval", .. model, "--batch", folder["rows.json"],
                "--lens", folder[lens], "--json"]).Json["layers"]![0]!;
            Assert.That((double)layer["kl"]!, Is.GreaterThan(0));
        }
        string[] eval = ["lens", "eval", .. model, "--batch", folder["rows.json"]];
        JsonNode own = Headtap.Done([.. eval, "--lens", folder["mid"], "--ablation", "3", "--json"]).Json;
        string thin = TinyLenses.Write(folder, "thin", new() { Kind = LensKind.Thin }, [0, 1]);
        JsonNode beside = Headtap.Done([.. eval, "--lens", thin, "--jacobian", folder["mid"], "--ablation",
            "3", "--json"]).Json;
        Assert.That(beside["jacobian"]!.ToJsonString(), Is.EqualTo(own["layers"]!.ToJsonString()));
        Assert.That(beside["ablation"]!["jacobian"]!.ToJsonString(),
            Is.EqualTo(own["ablation"]!["lens"]!.ToJsonString()));
        Assert.That(Headtap.Done([.. eval, "--lens", thin, "--jacobian", folder["mid"]]).Out,
            Does.Contain("Jacobian lens"));
        Assert.That(Headtap.Refused([.. eval, "--lens", thin, "--jacobian", folder["post"]]),
            Does.Contain("no layer 1"));
        Assert.That(Headtap.Refused([.. eval, "--lens", thin, "--jacobian", thin]),
            Does.Contain("kind is thin"));
        Assert.That(Headtap.Refused(["lens", "read", .. model, "--ids", "5,6,7", "--lens", folder["post"],
            "--head", "1"]), Does.Contain("reads the residual stream"));
    }

    [Test]
    public void Shards_merge_and_published_files_go_out_and_come_back()
    {
        using TemporaryFolder folder = Batch();
        string[] model = ["--model", TinyModel.Folder];
        folder.Write("first.json", "[[5,6,7,8,9]]");
        folder.Write("rest.json", "[[30,31,32,33],[5,40,41,42,43,44,45]]");
        Fit(folder, "all", "resid_post");
        Fit(folder, "a", "resid_post", "--batch", folder["first.json"]);
        Fit(folder, "b", "resid_post", "--batch", folder["rest.json"]);
        JsonNode merged = Headtap.Done(["lens", "merge", .. model, "--lens", folder["a"], folder["b"],
            "--out", folder["merged"], "--json"]).Json;
        Assert.That((int)merged["prompts"]!, Is.EqualTo(3));
        float[] all = Matrix(folder, "all"), both = Matrix(folder, "merged");
        Assert.That(both.Zip(all, (x, y) => Math.Abs(x - y)).Max(),
            // Three roundings of parts up to twice as large.
            Is.LessThanOrEqualTo(6 * 0.6e-7 * all.Max(Math.Abs)));
        Headtap.Done(["lens", "export", .. model, "--lens", folder["merged"], "--out", folder["lens.pt"]]);
        Headtap.Done(["lens", "import", .. model, "--jacobian", folder["lens.pt"], "--out", folder["back"]]);
        Assert.That(Matrix(folder, "back"), Is.EqualTo(both.Select(v => (float)(Half)v)));
        Headtap.Done(["lens", "read", .. model, "--ids", "5,6,7", "--lens", folder["back"]]);
        Fit(folder, "mid", "resid_mid");
        Assert.That(Headtap.Refused(["lens", "export", .. model, "--lens", folder["mid"],
            "--out", folder["mid.pt"]]), Does.Contain("resid_post"));
        Assert.That(Headtap.Refused(["lens", "import", .. model, "--jacobian", folder["rows.json"],
            "--out", folder["other"]]), Does.Contain("no zip that torch.save wrote"));
        Assert.That(Headtap.Refused(["lens", "import", .. model, "--out", folder["other"]]),
            Does.Contain("--tuned or --jacobian"));
        Assert.That(Headtap.Refused(["lens", "merge", .. model, "--lens", folder["a"], folder["a"],
            "--out", folder["twice"]]), Does.Contain("twice"));
        Assert.That(File.Exists(folder["other/lens.safetensors"]), Is.False);
    }

    [Test]
    public void Directions_of_tokens_serve_edits_and_injections()
    {
        using TemporaryFolder folder = Batch();
        Fit(folder, "mid", "resid_mid");
        string[] prompt = ["--model", TinyModel.Folder, "--ids", "5,6,7"];
        JsonNode injected = Headtap.Done(["inject", "run", .. prompt, "--memory-ids", "40,41", "--answer-id",
            "9", "--layer", "0", "--tau", "2", "--encoder", "jacobian", "--lens", folder["mid"], "--edit-out",
            folder["spec.json"], "--json"]).Json;
        Assert.That((double)injected["p_after"]!, Is.Not.EqualTo((double)injected["p_before"]!));
        JsonNode edit = JsonNode.Parse(File.ReadAllText(folder["spec.json"]))!["edits"]![0]!;
        Assert.That(edit["value"]!["jacobian"]!["lens"]!.ToString(), Is.EqualTo("mid"));
        folder.Write("swap.json", """
            {"edits":[{"site":"blocks.*.hook_resid_mid","op":"swap","value":{"jacobian":{"lens":"mid",
            "tokens":[40]}},"to":{"jacobian":{"lens":"mid","tokens":[41]}}}]}
            """);
        foreach (string spec in (string[])["spec.json", "swap.json"])
            Headtap.Done(["lens", "read", .. prompt, "--lens", folder["mid"], "--edit", folder[spec]]);
        string Refused(params string[] more) => Headtap.Refused(["inject", "run", .. prompt, "--memory-ids",
            "40", "--answer-id", "9", "--layer", "0", .. more]);
        Assert.That(Refused("--encoder", "jacobian"), Does.Contain("needs --lens"));
        Assert.That(Refused("--lens", folder["mid"]), Does.Contain("--encoder jacobian"));
        Assert.That(Refused("--encoder", "jacobian", "--lens", folder["mid"], "--site", "mlp_out"),
            Does.Contain("reads resid_mid"));
        Assert.That(Refused("--encoder", "jacobian", "--lens", folder["mid"], "--weights",
            "transformer-lens"), Does.Contain("raw weights"));
    }

    [Test]
    public void Prompts_are_compared_and_memories_suggested_with_it()
    {
        using TemporaryFolder folder = Batch();
        Fit(folder, "mid", "resid_mid");
        Fit(folder, "post", "resid_post");
        string[] pair = ["--model", TinyModel.Folder, "--explicit", "the capital of the city is", "--obscure",
            "the capital of the country of the north is", "--bridge", "city"];
        string[] with = ["--encoder", "jacobian", "--lens", folder["mid"]];
        JsonNode Compared(params string[] more)
            => Headtap.Done(["inject", "compare", .. pair, "--json", .. more]).Json;
        JsonNode plain = Compared(), read = Compared(with);
        Assert.That((string?)read["encoder"], Is.EqualTo("jacobian"));
        Assert.That((string?)plain["encoder"], Is.EqualTo("unembed"));
        Assert.That(read["layers"]![0]!["explicit"]!["top"]!.ToJsonString(),
            Is.Not.EqualTo(plain["layers"]![0]!["explicit"]!["top"]!.ToJsonString()));
        Assert.That((double)read["layers"]![0]!["cosine"]!,
            Is.EqualTo((double)plain["layers"]![0]!["cosine"]!));
        Headtap.Done(["inject", "compare", .. pair, .. with, "--report", folder["page.html"]]);
        Assert.That(File.ReadAllText(folder["page.html"]), Does.Contain("Jacobian lens of the layer"));

        JsonNode suggested = Headtap.Done(["inject", "suggest", .. pair, .. with, "--memory",
            "explicit-tokens", "--count", "3", "--edit-out", folder["spec.json"], "--json"]).Json;
        JsonNode edit = JsonNode.Parse(File.ReadAllText(folder["spec.json"]))!["edits"]![0]!;
        Assert.That(edit["value"]!["jacobian"]!["tokens"]!.ToJsonString(), Is.EqualTo(
            suggested["memories"]!.AsArray().Single(m => (string)m!["memory"]! == "explicit-tokens")!
                ["token_ids"]!.ToJsonString()));
        JsonNode made = JsonNode.Parse(File.ReadAllText(folder["spec.json.manifest.json"]))!["options"]!;
        Assert.That((string?)made["encoder"], Is.EqualTo("jacobian"));
        Assert.That((string?)made["lens"], Has.Length.EqualTo(64));

        string part = folder["part"], other = folder["other"];
        Directory.CreateDirectory(part);
        foreach (string verb in (string[])["compare", "suggest"])
        {
            string Refused(params string[] more) => Headtap.Refused(["inject", verb, .. pair, .. more]);
            Assert.That(Refused("--encoder", "jacobian"), Does.Contain("needs --lens"), verb);
            Assert.That(Refused("--lens", folder["mid"]), Does.Contain("--encoder jacobian"), verb);
            Assert.That(Refused("--encoder", "layer"), Does.Contain("unembed or jacobian"), verb);
            Assert.That(Refused("--encoder", "jacobian", "--lens", part),
                Does.Contain("lens.safetensors"), verb);
            Assert.That(Refused("--encoder", "jacobian", "--lens", folder["post"]),
                Does.Contain("reads resid_post"), verb);
            Assert.That(Refused([.. with, "--weights", "transformer-lens"]),
                Does.Contain("raw weights"), verb);
        }
        OfAnotherModel(folder["mid"], other);
        Assert.That(Headtap.Refused(["inject", "compare", .. pair, "--encoder", "jacobian", "--lens", other]),
            Does.Contain("expected the model it was made for"));
        Fit(folder, "one", "resid_mid", "--layers", "1");
        Assert.That(Headtap.Refused(["inject", "suggest", .. pair, "--encoder", "jacobian", "--lens",
            folder["one"], "--edit-out", folder["none.json"]]), Does.Contain("no layer 0"));
        Assert.That(File.Exists(folder["none.json"]), Is.False);
    }

    [Test]
    public void Learned_lenses_begin_from_it()
    {
        using TemporaryFolder folder = Batch();
        Fit(folder, "mid", "resid_mid");
        Fit(folder, "post", "resid_post");
        string[] train = ["lens", "train", "--model", TinyModel.Folder, "--batch", folder["rows.json"],
            "--steps", "2", "--init", "jacobian"];
        Headtap.Done([.. train, "--kind", "thin", "--init-lens", folder["mid"], "--out", folder["thin"]]);
        Headtap.Done([.. train, "--kind", "tuned", "--init-lens", folder["post"], "--out", folder["tuned"]]);
        JsonNode facts = JsonNode.Parse(File.ReadAllText(folder["thin/lens.json"]))!;
        Assert.That((string?)facts["lens"]!["initial_hash"],
            Is.EqualTo(FileHash.Sha256(folder["mid/lens.safetensors"])));
        Headtap.Done("lens", "read", "--model", TinyModel.Folder, "--ids", "5,6", "--lens", folder["thin"]);
        Assert.That(Headtap.Refused([.. train, "--kind", "thin", "--init-lens", folder["post"], "--out",
            folder["x"]]), Does.Contain("begins from one of resid_mid"));
        Assert.That(Headtap.Refused([.. train, "--kind", "thin", "--out", folder["x"]]),
            Does.Contain("needs --init-lens"));
    }

    [TestCase("--steps", "3", "--steps belongs")]
    [TestCase("--positions", "last", "expected all or published")]
    [TestCase("--positions", "published", "row 0 has 5 tokens")]
    [TestCase("--sites", "resid_pre", "expected resid_mid or resid_post")]
    [TestCase("--kind", "thin", "leave them out")]
    [TestCase("--tolerance", "-1", "expected 0 or more")]
    [TestCase("--layers", "2", "layers from 0 to 1")]
    public void What_cannot_be_fitted_is_one_line(string option, string value, string word)
    {
        using TemporaryFolder folder = Batch();
        string[] call = [.. Call(folder, "lens", "resid_mid"), "--device", "cpu"];
        int at = Array.IndexOf(call, option);
        if (at >= 0)
            call[at + 1] = value;
        Assert.That(Headtap.Refused(at >= 0 ? call : [.. call, option, value]), Does.Contain(word));
        Assert.That(File.Exists(folder["lens/lens.safetensors"]), Is.False);
    }

    static TemporaryFolder Batch()
    {
        var folder = new TemporaryFolder();
        folder.Write("rows.json", Rows);
        return folder;
    }

    static string[] Call(TemporaryFolder folder, string name, string site) =>
    [
        "lens", "train", "--model", TinyModel.Folder, "--kind", "jacobian", "--sites", site, "--batch",
        folder["rows.json"], "--positions", "all", "--out", folder[name],
    ];

    // Later options take the place of the usual ones.
    static Headtap Fit(TemporaryFolder folder, string name, string site, params string[] more)
    {
        List<string> call = [.. Call(folder, name, site)];
        if (more is ["--batch", var batch])
            (call[call.IndexOf("--batch") + 1], more) = (batch, []);
        return Headtap.Done([.. call, .. more]);
    }

    // The lens as it is, with another model's hash in its facts.
    static void OfAnotherModel(string lens, string to)
    {
        Directory.CreateDirectory(to);
        byte[] file = File.ReadAllBytes(Path.Combine(lens, "lens.safetensors"));
        string hash = ModelFolder.Hash(TinyModel.Folder);
        int at = file.AsSpan().IndexOf(System.Text.Encoding.ASCII.GetBytes(hash));
        file.AsSpan(at, hash.Length).Fill((byte)'0');
        File.WriteAllBytes(Path.Combine(to, "lens.safetensors"), file);
    }

    static string[] Names(TemporaryFolder folder, string name)
    {
        using SafetensorsReader reader = SafetensorsReader.Open(folder[$"{name}/lens.safetensors"]);
        return [.. reader.Entries.Select(e => e.Name)
            .Where(n => n.StartsWith("layers.", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal)];
    }

    static float[] Matrix(TemporaryFolder folder, string name)
    {
        float[] values = new float[400];
        using SafetensorsReader reader = SafetensorsReader.Open(folder[$"{name}/lens.safetensors"]);
        reader.Read("layers.0.jacobian", values);
        return values;
    }
}
