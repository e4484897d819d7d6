using System.Text.Json.Nodes;
using System.Xml.Linq;
using HeadTap.Atlas;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Cli.Tests;

/// <summary>
/// The tour on a random model with the atlas' vocabulary: it knows nothing, and every step must still work.
/// </summary>
public sealed class TourTests
{
    [Test]
    public void The_tour_injects_a_memory_and_writes_one_page_that_needs_nothing_else()
    {
        using var folder = new TemporaryFolder();
        Make(folder["m"]);
        Headtap run = Headtap.Done("tour", "--model", folder["m"], "--out", folder["tour.html"]);
        Assert.That(run.Out,
            Does.Contain("two hops, never told").And.Contain("before ").And.Contain("secrets  0 of 40")
            .And.Contain("the same bits as before"));
        string page = File.ReadAllText(folder["tour.html"]);
        Assert.That(page, Does.StartWith("<!doctype html>").And.Contain("prefers-color-scheme:dark")
            .And.Contain("<svg").And.EndWith("</html>\n"));
        foreach (string outside in (string[])["<script", "<link", "src=", "@import", "url("])
            Assert.That(page, Does.Not.Contain(outside));
        foreach (string svg in page.Split("<svg").Skip(1)
            .Select(s => "<svg" + s[..(s.IndexOf("</svg>", StringComparison.Ordinal) + 6)]))
            Assert.That(() => XDocument.Parse(svg), Throws.Nothing, svg);

        JsonNode json = Headtap.Done("tour", "--model", folder["m"], "--out",
            folder["again.html"], "--json").Json;
        VerbJsonTests.Same(json, "model model_hash device share_right injection secrets_extracted forgetting "
            + "report", ModelJobsJson.Default.TourResult);
        JsonNode injection = json["injection"]!;
        VerbJsonTests.Same(injection, "prompt answer memory layer tau probability_before probability_after "
            + "restored edit", ModelJobsJson.Default.TourInjection);
        Assert.That((double)injection["probability_after"]!,
            Is.GreaterThan((double)injection["probability_before"]!));
        Assert.That((bool)injection["restored"]!);
        Assert.That(File.ReadAllText(folder["again.html"]), Is.EqualTo(page), "two runs, one page");
    }

    [Test]
    public void The_question_of_the_lens_is_a_capital_that_the_model_knows()
    {
        TourQuestion currency = Asked(AtlasRelation.Currency, true);
        TourQuestion unknown = Asked(AtlasRelation.Capital, false);
        TourQuestion known = Asked(AtlasRelation.Capital, true);
        Assert.That(TourQuestions.KnownCapital([currency, unknown, known]), Is.SameAs(known));
        Assert.That(TourQuestions.KnownCapital([currency, unknown]), Is.SameAs(unknown));
    }

    static TourQuestion Asked(AtlasRelation target, bool right)
        => new(new AtlasPrompt("", "", "", null, target, "", ""), [], [], new ScoredAnswer(0.5, right, 1f));

    [Test]
    public void A_report_that_cannot_be_written_is_refused_first()
        => Assert.That(Headtap.Refused("tour", "--model", TinyModel.Folder, "--out", TinyModel.Folder),
            Does.Contain("a folder has this name"));

    [Test]
    public void The_shipped_model_is_found_beside_the_program()
    {
        using var folder = new TemporaryFolder();
        JsonNode json = Headtap.Done("tour", "--out", folder["tour.html"], "--json").Json;
        Assert.That((double)json["share_right"]!["one hop"]!, Is.GreaterThan(0.9));
        VerbJsonTests.Same(json["forgetting"]!, "prompt before after others_before others_after "
            + "one_hop_after changed_weights restored", ModelJobsJson.Default.TourForgetting);
        Assert.That((double)json["injection"]!["probability_after"]!,
            Is.GreaterThan((double)json["injection"]!["probability_before"]!));
    }

    static void Make(string folder)
    {
        var corpus = new AtlasCorpus(AtlasFacts.Shipped, 1);
        BpeVocabulary vocabulary = BpeTrainer.Train(corpus.Documents.Take(400), 700,
            [BpeVocabulary.EndOfText]);
        using ComputeDevice device = ComputeDevice.OpenHost();
        using var model = new LanguageModel(device, new ModelConfig
        {
            VocabSize = vocabulary.Tokens.Count, ContextLength = 96, Width = 20,
            Layers = 2, Heads = 2, Inner = 28,
        });
        model.Initialize(5);
        model.Save(folder);
        vocabulary.Save(folder);
    }
}
