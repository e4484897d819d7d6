
namespace HeadTap.Models.Tests;

/// <summary>A manifest comes back whole, and two runs write the same bytes.</summary>
sealed class ManifestTests
{
    static Manifest Full => new()
    {
        Command = "train --config \"a b.json\"",
        Options = Manifest.OptionsOf(
            new { LearningRate = 0.001f, BatchSize = 8, Sites = new[] { "blocks.*.attn.hook_z" } }),
        Seed = ulong.MaxValue,
        ModelHash = new string('a', 64),
        DataHash = new string('b', 64),
        Device = "cpu",
        Precision = "float32",
    };

    [Test]
    public void Everything_comes_back()
    {
        using var folder = new TemporaryFolder();
        Manifest manifest =
            Full with { Created = new DateTimeOffset(2026, 1, 31, 12, 0, 0, TimeSpan.FromHours(2)) };
        manifest.Write(folder["m.json"]);
        Manifest read = Manifest.Read(folder["m.json"]);
        Assert.That(read.Options.ToJsonString(), Is.EqualTo(
            """{"learning_rate":0.001,"batch_size":8,"sites":["blocks.*.attn.hook_z"]}"""));
        Assert.That(read with { Options = manifest.Options }, Is.EqualTo(manifest));
        Assert.That(read.CodeVersion, Does.StartWith("0."));
    }

    [Test]
    public void Two_runs_write_the_same_bytes_and_no_time()
    {
        using var folder = new TemporaryFolder();
        Full.Write(folder["a"]);
        Full.Write(folder["b"]);
        Assert.That(File.ReadAllText(folder["a"]), Is.EqualTo(File.ReadAllText(folder["b"])));
        Assert.That(File.ReadAllText(folder["a"]), Does.Not.Contain("created"));
    }

    [Test]
    public void It_lies_beside_a_file_and_inside_a_folder()
    {
        using var folder = new TemporaryFolder();
        Full.WriteBeside(folder.Write("x.safetensors", ""));
        Full.WriteBeside(folder.Path);
        Assert.That(folder.Files(),
            Is.EqualTo(new[] { "manifest.json", "x.safetensors", "x.safetensors.manifest.json" }));
    }

    [TestCase("{}", "command")]
    [TestCase("""{"command":1}""", "command")]
    [TestCase("""{"command":"a","seed":-1}""", "seed")]
    [TestCase("""{"command":"a","options":[]}""", "options")]
    [TestCase("""{"command":"a","created":"yesterday"}""", "created")]
    [TestCase("no", "JSON")]
    public void A_file_that_is_no_manifest_is_refused(string text, string word)
    {
        using var folder = new TemporaryFolder();
        BadInput.Refused(() => Manifest.Read(folder.Write("m.json", text)), "m.json", word);
    }
}
