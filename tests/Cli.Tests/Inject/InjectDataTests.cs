using System.Text.Json.Nodes;
using HeadTap.Atlas;
using HeadTap.Inject;
using HeadTap.Models;

namespace HeadTap.Cli.Tests;

/// <summary>inject data: pairs from the atlas, with their manifest.</summary>
public sealed class InjectDataTests
{
    [Test]
    public void Two_runs_write_the_same_bytes_and_what_they_say()
    {
        using var folder = new TemporaryFolder();
        JsonNode json = Headtap.Done("inject", "data", "--out", folder["a.jsonl"], "--json").Json;
        string text = Headtap.Done("inject", "data", "--out", folder["b.jsonl"], "--atlas-seed", "1").Out;
        Assert.That(File.ReadAllBytes(folder["b.jsonl"]), Is.EqualTo(File.ReadAllBytes(folder["a.jsonl"])));
        PromptPairs pairs = PromptPairs.Read(folder["a.jsonl"]);
        Assert.That(pairs, Is.EqualTo(AtlasPairs.HeldOut(new AtlasCorpus(AtlasFacts.Shipped, 1), 0)));
        Assert.That((int)json["pairs"]!, Is.EqualTo(pairs.Count));
        Assert.That((int)json["splits"]!["test"]!["pairs"]!, Is.EqualTo(pairs.Count(p => p.Split == "test")));
        Assert.That((int)json["splits"]!["validation"]!["countries"]!, Is.EqualTo(38));
        Assert.That(text, Does.StartWith("validation ").And.Contain("\ntest ").And.Contain("b.jsonl"));
        Manifest manifest = Manifest.Read(folder["a.jsonl.manifest.json"]);
        Assert.That((manifest.Command, manifest.Seed, manifest.DataHash),
            Is.EqualTo(("inject data", (ulong?)0, FileHash.Sha256(folder["a.jsonl"]))));
        Assert.That((ulong)manifest.Options["atlas_seed"]!, Is.EqualTo(1));
        Assert.That(folder.Entries(), Has.Length.EqualTo(4));
    }

    [Test]
    public void Seeds_draw_other_countries_and_other_splits()
    {
        using var folder = new TemporaryFolder();
        Headtap.Done("inject", "data", "--out", folder["a.jsonl"]);
        Headtap.Done("inject", "data", "--out", folder["b.jsonl"], "--atlas-seed", "2");
        Headtap.Done("inject", "data", "--out", folder["c.jsonl"], "--seed", "2");
        PromptPairs a = PromptPairs.Read(folder["a.jsonl"]), b = PromptPairs.Read(folder["b.jsonl"]),
            c = PromptPairs.Read(folder["c.jsonl"]);
        Assert.That(b.Select(p => p.Bridge).Distinct(), Is.Not.EqualTo(a.Select(p => p.Bridge).Distinct()));
        Assert.That(c.Select(p => p.Obscure), Is.EqualTo(a.Select(p => p.Obscure)));
        Assert.That(c.Select(p => p.Split), Is.Not.EqualTo(a.Select(p => p.Split)));
    }

    [TestCase("ends in .jsonl", "--out", "{f}/pairs.csv")]
    [TestCase("--out", "--atlas-seed", "1")]
    [TestCase("expected a whole number from 0", "--out", "{f}/pairs.jsonl", "--atlas-seed", "-1")]
    [TestCase("cannot be written", "--out", "/dev/null/pairs.jsonl")]
    public void What_cannot_be_written_is_refused(string reason, params string[] options)
    {
        using var folder = new TemporaryFolder();
        Assert.That(Headtap.Refused(["inject", "data",
            .. options.Select(o => o.Replace("{f}", folder.Path, StringComparison.Ordinal))]),
            Does.Contain(reason));
        Assert.That(folder.Entries(), Is.Empty);
    }
}
