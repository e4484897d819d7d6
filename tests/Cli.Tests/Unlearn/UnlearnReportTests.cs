using System.Text.Json.Nodes;

namespace HeadTap.Cli.Tests;

/// <summary>unlearn report.</summary>
public sealed class UnlearnReportTests
{
    [Test]
    public void A_page_has_the_table_the_front_and_where_methods_edited()
    {
        using TemporaryFolder folder = UnlearnSweepTests.Sets();
        UnlearnSweepTests.Sweep(folder, "a");
        UnlearnSweepTests.Sweep(folder, "b");
        JsonNode json = Headtap.Done("unlearn", "report", "--sweep", $"{folder["a"]},{folder["b"]}", "--out",
            folder["r.html"], "--json", "--published", "math-noise").Json;
        JsonNode durable = json["checkpoints"]![0]!["methods"]![0]!;
        Assert.That(((string)durable["method"]!, (int)durable["runs"]!), Is.EqualTo(("durable", 2)));
        Assert.That((double)durable["memorised_spread"]!, Is.Zero, "both sweeps are the same");
        string page = File.ReadAllText(folder["r.html"]);
        Assert.That(page, Does.Contain("<b>").And.Contain("&#177; 0.00")
            .And.Contain("Memorised against accuracy")
            .And.Contain("MLP weights changed").And.Contain("Where among the neurons")
            .And.Contain("34.73").And.Not.Contain("<script").And.Not.Contain("NaN"));
        string again = page;
        Headtap.Done("unlearn", "report", "--sweep", $"{folder["a"]},{folder["b"]}", "--out",
            folder["r.html"], "--published", "math-noise");
        Assert.That(File.ReadAllText(folder["r.html"]), Is.EqualTo(again));
    }

    [TestCase("--rule best", "--rule is \"best\"; expected accuracy or perplexity")]
    [TestCase("--published other", "\"other\" is no published table; expected one of math-noise")]
    [TestCase("--sweep {missing}", "no such file")]
    [TestCase("--out {s}", "a folder has this name")]
    public void What_does_not_fit_is_one_line(string wrong, string line)
    {
        using TemporaryFolder folder = UnlearnSweepTests.Sets();
        UnlearnSweepTests.Sweep(folder, "s");
        string[] change = wrong.Split(' ');
        Dictionary<string, string> options = new()
        {
            ["--sweep"] = folder["s"], ["--out"] = folder["r.html"],
        };
        options[change[0]] = change[1].StartsWith('{') ? folder[change[1].Trim('{', '}')] : change[1];
        Assert.That(Headtap.Refused(
            ["unlearn", "report", .. options.SelectMany(o => new[] { o.Key, o.Value })]), Does.Contain(line));
    }
}
