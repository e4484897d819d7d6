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

        Assert.That(page, Does.Not.Contain("Merging two edits"), "there is no code to forget");
        JsonNode json = Headtap.Done("tour", "--model", folder["m"], "--out",
            folder["again.html"], "--json").Json;
        Assert.That(json["merging"], Is.Null);
        Assert.That(json["patching"], Is.Null, "it answers nothing right");
        VerbJsonTests.Same(json, "model model_hash device share_right injection secrets_extracted forgetting "
            + "report merging patching", ModelJobsJson.Default.TourResult);
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
        RequireMerging(json["merging"]!);
        RequirePatching(json["patching"]!);
        string page = File.ReadAllText(folder["tour.html"]);
        Assert.That(page, Does.Contain("Merging two edits").And.Contain("Loss between the two edits")
            .And.Contain("In the merge both codes are forgotten").And.Not.Contain("<script"));
    }

    static void RequirePatching(JsonNode patching)
    {
        VerbJsonTests.Same(patching, "clean corrupt answer wrong before after heads",
            ModelJobsJson.Default.TourPatching);
        Assert.That((double)patching["before"]!, Is.LessThan(0));
        Assert.That((double)patching["after"]!, Is.GreaterThan(0));
        JsonArray heads = patching["heads"]!.AsArray();
        Assert.That(heads, Has.Count.EqualTo(30));
        // The verb measures the same pair.
        JsonNode verb = Headtap.Done("patch", "--model",
            Path.Combine(AppContext.BaseDirectory, "weights", "atlas"), "--bos", "--clean",
            (string)patching["clean"]!, "--corrupt", (string)patching["corrupt"]!, "--answer",
            (string)patching["answer"]!, "--wrong", (string)patching["wrong"]!, "--at", "z", "--metric",
            "logit-diff", "--json").Json;
        double clean = (double)verb["clean"]!, corrupt = (double)verb["corrupt"]!;
        Assert.That((double)patching["before"]!, Is.EqualTo(corrupt).Within(1e-9));
        foreach ((JsonNode? head, JsonNode? cell) in heads.Zip(verb["cells"]!.AsArray()))
        {
            Assert.That((int)head!["head"]!, Is.EqualTo((int)cell!["head"]!));
            Assert.That((double)head["share"]!,
                Is.EqualTo(((double)cell["value"]! - corrupt) / (clean - corrupt)).Within(1e-9));
        }
    }

    static void RequireMerging(JsonNode merging)
    {
        VerbJsonTests.Same(merging, "prompts states line barrier barrier_alpha restored questions",
            ModelJobsJson.Default.TourMerging);
        JsonArray states = merging["states"]!.AsArray(), line = merging["line"]!.AsArray();
        string Recites(int state) => string.Concat(states[state]!["recites"]!.AsArray()
            .Select(r => (bool)r! ? "+" : "-"));
        Assert.That(states.Select(s => (string)s!["name"]!),
            Is.EqualTo((string[])["the model", "first edit", "second edit", "merge"]));
        Assert.That(Enumerable.Range(0, 4).Select(Recites), Is.EqualTo((string[])["++", "-+", "+-", "--"]));
        double[] losses = [.. line.Select(p => (double)p!["loss"]!)];
        Assert.That(line.Select(p => (double)p!["alpha"]!).ToArray(),
            Is.EqualTo(Enumerable.Range(0, 11).Select(i => i / 10.0)));
        Assert.That(losses[0], Is.EqualTo((double)states[1]!["loss"]!), "the line begins at the first edit");
        Assert.That(losses[10], Is.EqualTo((double)states[2]!["loss"]!), "and ends at the second");
        Assert.That((double)merging["barrier"]!, Is.EqualTo(losses.Select((l, i) =>
            l - ((10 - i) * losses[0] + i * losses[10]) / 10).Max()).Within(1e-12));
        Assert.That((bool)merging["restored"]!);
    }

    [TestCase(false, false, "both codes are forgotten"), TestCase(true, true, "both codes still come out")]
    [TestCase(true, false, "the first code still comes out, the second is forgotten")]
    [TestCase(false, true, "the first code is forgotten, the second still comes out")]
    public void The_tour_says_of_the_merge_what_was_measured(bool first, bool second, string said)
    {
        TourMergedState State(bool a, bool b, double right) => new("", ["x", "y"], [a, b], 3, right, 1);
        var merging = new TourMerging(["a", "b"], [State(true, true, 1), State(first, second, 0.5)],
            [new(0, 1, 0.5), new(1, double.NaN, 0.5)], 0.25, 0.5, Restored: false) { Questions = 4 };
        string text = string.Join('\n', merging.Lines());
        Assert.That(text, Does.Contain($"in the merge {said}; 4 one-hop questions 50.0 % right (100.0 % "));
        Assert.That(text, Does.Contain("1.0000 not finite").And.Contain("barrier 0.2500 nats at 0.5")
            .And.Contain("NOT the same bits"));
        Assert.That((merging with { Barrier = 0, Restored = true }).Lines()[^1], Is.EqualTo("no barrier: it "
            + "rises nowhere above the straight line between its ends; undone: the same bits as before"));
        Assert.That((merging with { Barrier = double.NaN }).Lines()[^1],
            Does.StartWith("barrier not finite"));
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
