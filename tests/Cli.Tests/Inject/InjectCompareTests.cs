using System.Text.Json.Nodes;
using System.Xml.Linq;
using HeadTap.Reports;

namespace HeadTap.Cli.Tests;

/// <summary>inject compare.</summary>
public sealed class InjectCompareTests
{
    static string[] Line(params string[] more) =>
        ["inject", "compare", "--model", TinyModel.Folder, "--explicit", "the capital of the city is",
            "--obscure", "the capital of the country of the north is", "--bridge", "city", .. more];

    [Test]
    public void Every_layer_and_head_has_both_lists_and_ranks_that_fit_them()
    {
        JsonNode json = Headtap.Done(Line("--answer", "north", "--top", "7", "--json")).Json;
        Assert.That(json["layers"]!.AsArray(), Has.Count.EqualTo(2));
        Assert.That(json["heads"]!.AsArray(), Has.Count.EqualTo(8));
        int bridge = (int)json["bridge_ids"]![0]!;
        foreach (JsonNode? place in json["layers"]!.AsArray().Concat(json["heads"]!.AsArray()))
        {
            Assert.That((double)place!["cosine"]!, Is.InRange(-1, 1));
            int shared = (int)place["shared"]!;
            Assert.That((double)place["jaccard"]!, Is.EqualTo(shared / (14.0 - shared)));
            foreach (string prompt in (string[])["explicit", "obscure"])
            {
                int[] top = [.. place[prompt]!["top"]!.AsArray().Select(t => (int)t!["id"]!)];
                Assert.That(top, Has.Length.EqualTo(7));
                int rank = (int)place[prompt]!["bridge_rank_first"]!;
                Assert.That(Array.IndexOf(top, bridge) + 1, Is.EqualTo(rank <= 7 ? rank : 0));
                Assert.That((int)place[prompt]!["bridge_rank_best"]!, Is.LessThanOrEqualTo(rank));
                Assert.That((int)place[prompt]!["answer_rank"]!, Is.InRange(1, 280));
            }
        }
    }

    [Test]
    public void A_begin_of_text_token_and_the_weights_change_what_is_read()
    {
        static string Read(params string[] more)
            => Headtap.Done(Line([.. more, "--json"])).Json["heads"]!.ToJsonString();
        string plain = Read();
        Assert.That(Read(), Is.EqualTo(plain));
        Assert.That(Read("--bos"), Is.Not.EqualTo(plain));
        Assert.That(Read("--weights", "transformer-lens"), Is.Not.EqualTo(plain));
    }

    [Test]
    public void The_report_is_one_page_whose_charts_are_whole()
    {
        using var folder = new TemporaryFolder();
        Headtap run = Headtap.Done(Line("--answer", "north", "--report", folder["r.html"]));
        Assert.That(run.Out, Does.Contain("layer 1").And.Contain("r.html"));
        string page = File.ReadAllText(folder["r.html"]);
        string[] charts = [.. page.Split("<svg").Skip(1)
            .Select(s => "<svg" + s[..(s.IndexOf("</svg>", StringComparison.Ordinal) + 6)])];
        Assert.That(charts, Has.Length.EqualTo(5));
        foreach (string svg in charts)
            Assert.That(() => XDocument.Parse(svg), Throws.Nothing, svg);
        foreach (string outside in (string[])["<script", "<link", "src=", "url("])
            Assert.That(page, Does.Not.Contain(outside));
    }

    [Test]
    public void Lines_have_a_dot_for_each_value_and_a_rank_of_one_is_at_the_top()
    {
        XDocument svg = XDocument.Parse(SvgChart.Lines("a <b>", ["x", "y", "z"],
            [new("up & down", [1, 100, 10]), new("flat", [1, 1, 1])], ChartAxis.Rank, "0"));
        double[] Heights(string style) => [.. svg.Descendants()
            .Where(e => (string?)e.Attribute("class") == $"dot {style}")
            .Select(e => (double)e.Attribute("cy")!)];
        double[] ranks = Heights("s0");
        Assert.That(ranks, Has.Length.EqualTo(3));
        Assert.That(ranks[0], Is.EqualTo(Heights("s1")[1]));
        Assert.That(ranks[2] - ranks[0], Is.EqualTo(ranks[1] - ranks[2]).Within(0.02),
            "powers of ten evenly");
        Assert.That(ranks[1], Is.GreaterThan(ranks[0]), "SVG counts downwards");
        Assert.That(() => SvgChart.Lines("t", ["x"], [new("n", [1, 2])]), Throws.ArgumentException);
    }

    [TestCase("--top is 0", "--top", "0"), TestCase("--top is 281", "--top", "281")]
    [TestCase("raw or transformer-lens", "--weights", "folded")]
    [TestCase("--answer is empty", "--answer", " ")]
    [TestCase("a folder has this name", "--report", "/")]
    public void Bad_input_is_one_line(string expected, params string[] more)
        => Assert.That(Headtap.Refused(Line(more)), Does.Contain(expected));

    [Test]
    public void A_prompt_that_does_not_fit_is_refused_by_its_name() => Assert.That(
        Headtap.Refused("inject", "compare", "--model", TinyModel.Folder, "--explicit", "", "--obscure",
            "city", "--bridge", "city"), Does.Contain("the explicit prompt has 0 tokens"));
}
