using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

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

    [Test]
    public void Bold_is_the_least_memorised_and_the_greatest_accuracy()
    {
        using TemporaryFolder folder = UnlearnSweepTests.Sets();
        Headtap.Done(UnlearnSweepTests.With(UnlearnSweepTests.Call(folder, "s")[..^2],
            "--methods", "durable,random-pruning,zero", "--budgets", "0.3,0.8"));
        Headtap.Done("unlearn", "report", "--sweep", folder["s"], "--out", folder["r.html"]);
        string table = File.ReadAllText(folder["r.html"]).Split("<table")[1];
        string[] Cells(string row, string tag)
            => [.. Regex.Matches(row, $"<{tag}[^>]*>(.*?)</{tag}>").Select(m => m.Groups[1].Value)];
        string[] titles = [.. Cells(table, "th").Select(t => Regex.Replace(t, "<[^>]*>", ""))];
        // The first row is the model before.
        string[][] rows =
            [.. table.Split("<tr").Select(r => Cells(r, "td")).Where(r => r.Length > 0).Skip(1)];
        int differ = 0;
        foreach ((string title, bool most) in ((string, bool)[])
            [("memorised %", false), ("loose %", false), ("accuracy %", true), ("keep perplexity", false)])
        {
            int column = Array.IndexOf(titles, title);
            Assert.That(column, Is.Positive, $"{title} of {string.Join(", ", titles)}");
            double Value(string cell) => double.Parse(
                Regex.Replace(cell, "<[^>]*>| .*", ""), CultureInfo.InvariantCulture);
            double[] values = [.. rows.Select(r => Value(r[column]))];
            double best = most ? values.Max() : values.Min();
            Assert.That(rows.Select(r => r[column].Contains("<b>", StringComparison.Ordinal)),
                Is.EqualTo(values.Select(v => v == best)), title);
            differ += values.Distinct().Count() > 1 ? 1 : 0;
        }
        Assert.That(differ, Is.Positive, "columns in which methods differ");
    }

    [Test]
    public void A_spread_below_one_is_printed_too() => Assert.Multiple(() =>
    {
        Assert.That(UnlearnTable.Number((1.5, 0.25), "0.00"), Is.EqualTo("1.50 ± 0.25"));
        Assert.That(UnlearnTable.Number((1.5, null), "0.00"), Is.EqualTo("1.50"));
    });

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
