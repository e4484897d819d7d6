using HeadTap.Models;

namespace HeadTap.Cli.Tests;

/// <summary>An output never takes the place of what its verb reads.</summary>
public sealed class OutputTests
{
    [TestCase("model.safetensors")]
    [TestCase("config.json")]
    [TestCase("model-00001-of-00002.safetensors")]
    [TestCase("vocab.json")]
    [TestCase("manifest.json")]
    public void A_file_of_the_model_is_no_output(string file)
    {
        using var folder = new TemporaryFolder();
        string model = Copy(folder);
        Dictionary<string, byte[]> before = Bytes(model);
        string line = Headtap.Refused("trace", "--model", model, "--ids", "1,2", "--sites", "logits", "--out",
            Path.Combine(model, file));
        Assert.That(line, Does.Contain("--out").And.Contain("--model"));
        Assert.That(Bytes(model), Is.EqualTo(before));
    }

    [TestCase("o.npz"), TestCase("o.PT"), TestCase("o.csv"), TestCase("o.safetensors.json")]
    public void A_file_of_tensors_has_no_other_formats_name(string name)
    {
        using var folder = new TemporaryFolder();
        string line = $"{folder[name]}: {Path.GetExtension(name)} is the ending of another format; expected "
            + ".safetensors";
        Assert.That(Headtap.Refused("trace", "--model", TinyModel.Folder, "--ids", "1,2", "--sites", "logits",
            "--out", folder[name]), Does.Contain(line + ", or .npy for one site"));
        Assert.That(Headtap.Refused("grad", "--model", TinyModel.Folder, "--ids", "1,2", "--out",
            folder[name]), Does.Contain(line + "\n"));
        Assert.That(folder.Entries(), Is.Empty);
    }

    [TestCase("o"), TestCase("step.600"), TestCase("o.safetensors")]
    public void A_name_without_a_formats_ending_is_a_safetensors_file(string name)
    {
        using var folder = new TemporaryFolder();
        Headtap.Done("trace", "--model", TinyModel.Folder, "--ids", "1,2", "--sites", "logits", "--out",
            folder[name]);
        using SafetensorsReader reader = SafetensorsReader.Open(folder[name]);
        Assert.That(reader.Contains("logits"));
    }

    [Test]
    public void A_link_is_followed_on_both_sides()
    {
        using var folder = new TemporaryFolder();
        string model = Copy(folder), beside = folder["link"];
        Directory.CreateSymbolicLink(beside, model);
        File.CreateSymbolicLink(folder["weights"], Path.Combine(model, "model.safetensors"));
        Refused(model, Path.Combine(beside, "model.safetensors"));
        Refused(beside, Path.Combine(model, "model.safetensors"));
        Refused(model, folder["weights"]);
        // as a hub's cache keeps a snapshot
        File.Move(Path.Combine(model, "model.safetensors"), folder["blob"]);
        File.CreateSymbolicLink(Path.Combine(model, "model.safetensors"), folder["blob"]);
        Refused(model, folder["blob"]);
    }

    [Test]
    public void An_edit_and_the_file_that_it_names_are_no_output()
    {
        using var folder = new TemporaryFolder();
        string values = folder.Write("values.safetensors", "x"), edit = folder.Write("edit.json", """
            {"edits": [{"site": "ln_final", "value": {"file": "values.safetensors", "tensor": "v"}}]}
            """);
        foreach (string output in (string[])[edit, values])
            Assert.That(Headtap.Refused("grad", "--model", TinyModel.Folder, "--ids", "1,2", "--edit", edit,
                "--out", output), Does.Contain("--out would write over what --edit reads"));
        Assert.That(File.ReadAllText(values), Is.EqualTo("x"));
    }

    [Test]
    public void A_text_a_lens_and_the_other_output_are_no_output()
    {
        using var folder = new TemporaryFolder();
        string text = folder.Write("text.txt", "a"), rows = folder["rows.jsonl"];
        string[] asked = ["unlearn", "measure", "--model", TinyModel.Folder, "--sequences", text];
        Assert.That(Headtap.Refused([.. asked, "--rows-out", text]), Does.Contain("--sequences reads"));
        Assert.That(Headtap.Refused([.. asked, "--rows-out", rows, "--memorised-out", rows]),
            Does.Contain("--memorised-out and --rows-out name one place"));
        string lens = Directory.CreateDirectory(folder["lens"]).FullName;
        Assert.That(Headtap.Refused("lens", "read", "--model", TinyModel.Folder, "--lens", lens, "--ids", "1",
            "--out", Path.Combine(lens, "lens.json")), Does.Contain("the folder of --lens"));
        Assert.That(Headtap.Refused("lens", "convert", "--model", TinyModel.Folder, "--lens", lens, "--to",
            "thin", "--out", lens + "/"), Does.Contain("--out would write over what --lens reads"));
    }

    [Test]
    public void The_manifest_beside_an_output_is_an_output()
    {
        using var folder = new TemporaryFolder();
        string text = folder.Write("rows.jsonl.manifest.json", "[[1, 2]]");
        Assert.That(Headtap.Refused("trace", "--model", TinyModel.Folder, "--batch", text, "--sites",
            "logits", "--out", folder["rows.jsonl"]),
            Does.Contain("--out would write over what --batch reads"));
        Assert.That(File.ReadAllText(text), Is.EqualTo("[[1, 2]]"));
    }

    [Test]
    public void Each_folder_of_a_list_is_an_input()
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder["a"]);
        Directory.CreateDirectory(folder["b"]);
        string rows = folder.Write("rows.jsonl", """{"ids":[1,2,3]}""");
        Assert.That(Headtap.Refused("unlearn", "sweep", "--model", folder["a"] + "," + folder["b"],
            "--forget", rows, "--keep", rows, "--out", folder["b"]),
            Does.Contain("--out would write over what --model reads"));
    }

    [Test]
    public void A_model_that_no_option_names_is_safe_too()
    {
        using var folder = new TemporaryFolder();
        string model = Copy(folder);
        Assert.That(Headtap.Refused("tour", "--out", Path.Combine(model, "config.json")),
            Does.Contain("belongs to the model"));
    }

    [Test]
    public void Another_file_in_the_folder_of_the_model_may_be_written_again_and_again()
    {
        using var folder = new TemporaryFolder();
        string model = Copy(folder);
        for (int i = 0; i < 2; i++)
            Headtap.Done("trace", "--model", model, "--ids", "1,2", "--sites", "logits", "--out",
                Path.Combine(model, "trace.safetensors"));
    }

    static void Refused(string model, string output) => Assert.That(
        Headtap.Refused("grad", "--model", model, "--ids", "1,2", "--out", output), Does.Contain("--out"));

    static string Copy(TemporaryFolder folder)
    {
        string model = Directory.CreateDirectory(folder["model"]).FullName;
        foreach (string file in Directory.GetFiles(TinyModel.Folder))
            File.Copy(file, Path.Combine(model, Path.GetFileName(file)));
        return model;
    }

    static Dictionary<string, byte[]> Bytes(string folder)
        => Directory.GetFiles(folder).ToDictionary(f => f, File.ReadAllBytes);
}
