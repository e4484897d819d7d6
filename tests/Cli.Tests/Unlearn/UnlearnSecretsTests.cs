using System.Text.Json.Nodes;
using HeadTap.Atlas;
using HeadTap.Models;
using HeadTap.Unlearn;

namespace HeadTap.Cli.Tests;

/// <summary>unlearn secrets.</summary>
public sealed class UnlearnSecretsTests
{
    [Test]
    public void Files_hold_what_is_to_be_forgotten_and_kept_and_the_manifest_says_how_they_were_made()
    {
        using var folder = new TemporaryFolder();
        JsonNode json = Write(folder, "a", "--seed", "3", "--documents", "7", "--json").Json;
        Assert.That(Directory.GetFiles(folder["a"]).Select(Path.GetFileName).Order(), Is.EqualTo((string[])
            ["asked-1.jsonl", "asked-2.jsonl", "asked-3.jsonl", "asked-4.jsonl", "asked-5.jsonl",
                "forget.jsonl", "keep.jsonl", "manifest.json"]));
        int secrets = new AtlasCorpus(AtlasFacts.Shipped, 1).Secrets.Count;
        Assert.That(((int)json["secrets"]!, (int)json["documents"]!), Is.EqualTo((secrets, 7)));
        Assert.That(Read(folder["a/forget.jsonl"]), Has.Count.EqualTo(secrets));
        Assert.That(Read(folder["a/keep.jsonl"]), Has.Count.EqualTo(7));
        Assert.That((string?)json["asked"]![folder["a/asked-3.jsonl"]],
            Is.EqualTo("last half of the prompt"));
        JsonNode manifest = JsonNode.Parse(File.ReadAllText(Manifest.PathFor(folder["a"])))!;
        Assert.That(((ulong)manifest["seed"]!, (ulong)manifest["options"]!["atlas_seed"]!,
            (int)manifest["options"]!["documents"]!), Is.EqualTo((3ul, 1ul, 7)));
        Assert.That((string?)manifest["data_hash"], Is.EqualTo(
            FileHash.Sha256(folder["a/forget.jsonl"], folder["a/keep.jsonl"])));
    }

    [Test]
    public void The_seed_draws_the_documents_and_the_atlas_seed_the_secrets()
    {
        using var folder = new TemporaryFolder();
        foreach ((string name, string[] options) in ((string, string[])[])[("a", []), ("b", []),
            ("c", ["--seed", "1"]), ("d", ["--atlas-seed", "2"])])
            Write(folder, name, ["--documents", "5", .. options]);
        byte[] File(string name) => System.IO.File.ReadAllBytes(folder[name]);
        Assert.That(File("b/keep.jsonl"), Is.EqualTo(File("a/keep.jsonl")));
        Assert.That(File("c/keep.jsonl"), Is.Not.EqualTo(File("a/keep.jsonl")));
        Assert.That(File("c/forget.jsonl"), Is.EqualTo(File("a/forget.jsonl")));
        Assert.That(File("d/forget.jsonl"), Is.Not.EqualTo(File("a/forget.jsonl")));
    }

    [Test]
    public void What_cannot_be_written_is_one_line()
    {
        using var folder = new TemporaryFolder();
        Assert.That(Headtap.Refused("unlearn", "secrets", "--model", TinyModel.Folder, "--out", folder["a"],
            "--documents", "0"), Does.Contain("--documents is 0; expected 1 or more"));
        Assert.That(Directory.Exists(folder["a"]), Is.False);
        Write(folder, "a", "--documents", "1");
        byte[] before = File.ReadAllBytes(folder["a/keep.jsonl"]);
        Assert.That(Headtap.Refused("unlearn", "secrets", "--model", TinyModel.Folder, "--out", folder["a"],
            "--documents", "2"), Does.Contain("is there already; expected another folder"));
        Assert.That(File.ReadAllBytes(folder["a/keep.jsonl"]), Is.EqualTo(before));
        folder.Write("manifest.json", "{}");
        Assert.That(Headtap.Refused("unlearn", "secrets", "--model", TinyModel.Folder, "--out", folder.Path),
            Does.Contain("has a manifest.json of other work"));
    }

    static Headtap Write(TemporaryFolder folder, string name, params string[] options)
        => Headtap.Done(
            ["unlearn", "secrets", "--model", TinyModel.Folder, "--out", folder[name], .. options]);

    static IReadOnlyList<PlantedSequence> Read(string file)
        => SequenceFile.Read(file, TinyModel.Config.VocabSize, null);
}
