using System.Text.Json.Nodes;
using HeadTap.Atlas;
using HeadTap.Lens;

namespace HeadTap.Cli.Tests;

/// <summary>lens scan.</summary>
public sealed class LensScanTests
{
    static TemporaryFolder s_folder = null!;
    static string s_head = "", s_words = "", s_prompts = "";

    [OneTimeSetUp]
    public static void Write()
    {
        s_folder = new TemporaryFolder();
        s_head = TinyLenses.Write(s_folder, "head", new() { Kind = LensKind.Head }, [0, 1]);
        s_words = s_folder.Write(
            "words.txt", "# letters\n A # with a comment\r\nb\n\nE\nnowhere\n");
        s_prompts = s_folder.Write("prompts.txt", "the capital of the country\n\na city of the north is\r\n");
    }

    [OneTimeTearDown]
    public static void Remove() => s_folder.Dispose();

    static string[] Line(params string[] more)
        => ["lens", "scan", "--model", TinyModel.Folder, "--lens", s_head, .. more];

    [Test]
    public void Counts_are_those_of_lens_read_at_the_ends_of_the_prompts()
    {
        JsonNode json = Headtap.Done(
            Line("--words", s_words, "--prompts", s_prompts, "--top", "40", "--json")).Json;
        Assert.That((int)json["prompts"]!, Is.EqualTo(2));
        Assert.That((int)json["words"]!, Is.EqualTo(4));
        Assert.That((int)json["words_that_are_tokens"]!, Is.EqualTo(3));
        string[] words = ["a", "b", "e"];
        var counts = new Dictionary<(int, int), int>();
        foreach (string prompt in (string[])["the capital of the country", "a city of the north is"])
            foreach (JsonNode? head in Headtap.Done("lens", "read", "--model", TinyModel.Folder,
                "--lens", s_head, "--text", prompt, "--top", "40", "--json").Json["heads"]!.AsArray())
            {
                (int, int) place = ((int)head!["layer"]!, (int)head["head"]!);
                counts[place] = counts.GetValueOrDefault(place) + head["top"]!.AsArray()
                    .Count(t => words.Contains(((string)t!["text"]!).Trim().ToLowerInvariant()));
            }
        Assert.That(counts.Values.Distinct().Count(), Is.GreaterThan(1), "all alike: nothing is tested");
        foreach (JsonNode? head in json["heads"]!.AsArray())
        {
            int expected = counts[((int)head!["layer"]!, (int)head["head"]!)];
            Assert.That((double)head["mean"]!, Is.EqualTo(expected / 2.0));
            Assert.That(head["matched"]!.AsArray().Sum(m => (int)m!["prompts"]!), Is.EqualTo(expected));
        }
        foreach (JsonNode? most in json["most"]!.AsArray())
            Assert.That((double)most!["mean"]! * 2, Is.EqualTo(
                counts.Where(c => c.Key.Item1 == (int)most["layer"]!).Max(c => c.Value)));
    }

    [Test]
    public void The_page_and_the_table_have_both_lenses()
    {
        string page = s_folder["scan.html"];
        string text = Headtap.Done(
            Line("--words", s_words, "--prompts", s_prompts, "--top", "40", "--out", page)).Out;
        Assert.That(text, Does.Contain("the lens").And.Contain("logit lens").And.Contain("by chance"));
        Assert.That(File.ReadAllText(page), Does.Contain("words.txt: the lens").And
            .Contain("words.txt: logit lens").And.Contain("<svg"));
        Assert.That(File.Exists(page + ".manifest.json"));
    }

    [TestCase("currencies"), TestCase("capitals"), TestCase("languages")]
    public void Shipped_words_are_the_facts_of_the_atlas(string list)
    {
        WordSet words = WordSet.Read(
            Path.Combine(AppContext.BaseDirectory, "weights", "atlas", $"words-{list}.txt"));
        Func<AtlasCountry, string> fact = list switch
        {
            "currencies" => country => country.Currency.Split(' ')[^1],
            "capitals" => country => country.Capital,
            _ => country => country.Language,
        };
        Assert.That(words.Words, Is.EqualTo(AtlasFacts.Shipped.Countries
            .Select(c => fact(c).ToLowerInvariant()).Distinct().Order(StringComparer.Ordinal)));
    }

    [Test]
    public void Bad_input_is_one_line()
    {
        string empty = s_folder.Write("empty.txt", "# nothing\n\n"),
            none = s_folder.Write("none.txt", "zzz\n"), blank = s_folder.Write("blank.txt", "\n");
        string[] ids = ["--ids", "5,6"];
        Assert.That(Headtap.Refused(Line([.. ids, "--words", empty])), Does.Contain("no word in it"));
        Assert.That(Headtap.Refused(Line([.. ids, "--words", none])), Does.Contain("none of its 1 word is"));
        Assert.That(Headtap.Refused(Line([.. ids, "--words", s_folder["missing"]])), Does.Contain("missing"));
        Assert.That(Headtap.Refused(Line("--words", s_words)),
            Does.Contain("no prompt").And.Contain("--prompts"));
        Assert.That(Headtap.Refused(Line("--words", s_words, "--prompts", blank)),
            Does.Contain("no text in it"));
        Assert.That(Headtap.Refused(Line([.. ids, "--words", s_words, "--prompts", s_prompts])),
            Does.Contain("more than one prompt"));
        Assert.That(Headtap.Refused(Line([.. ids, "--words", s_words, "--top", "0"])), Does.Contain("--top"));
        Assert.That(Headtap.Refused("lens", "scan", "--model", TinyModel.BareFolder, "--lens", "logit",
            "--ids", "5", "--words", s_words), Does.Contain("no tokenizer files"));
    }
}
