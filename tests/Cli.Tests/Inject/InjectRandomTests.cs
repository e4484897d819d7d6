using System.Text.Json.Nodes;
using HeadTap.Models;

namespace HeadTap.Cli.Tests;

/// <summary>inject random.</summary>
public sealed class InjectRandomTests
{
    static TemporaryFolder s_folder = null!;

    [OneTimeSetUp]
    public static void Write()
    {
        s_folder = new TemporaryFolder();
        string[] words = ["north", "city", "country", "capital"];
        File.WriteAllLines(s_folder["pairs.jsonl"], Enumerable.Range(0, 9).Select(i => new JsonObject
        {
            ["explicit"] = $"the {words[i % 4]} is",
            ["obscure"] = $"the {words[i % 3]} of the {words[i % 4]} is",
            ["bridge"] = words[i % 4], ["answer"] = words[(i + 1) % 4],
        }.ToJsonString()));
        File.WriteAllLines(s_folder["words.txt"], ["the", "capital", "the", "north"]);
    }

    [OneTimeTearDown]
    public static void Remove() => s_folder.Dispose();

    static string[] Line(params string[] more) => ["inject", "random", "--model", TinyModel.Folder, "--data",
        s_folder["pairs.jsonl"], .. more.Contains("--count") ? more : ["--count", "6", .. more]];

    [Test]
    public void A_cell_has_a_row_for_every_word_and_pair_and_its_manifest_names_the_seed()
    {
        string path = s_folder["rows.jsonl"];
        JsonNode json = Headtap.Done(
            Line("--layer", "1", "--tau", "2", "--seed", "7", "--out", path, "--json")).Json;
        string[] names = [.. json["categories"]!.AsArray().Select(c => (string)c!["category"]!)];
        Assert.That(names, Is.EqualTo(["curated", "random-tokens", "other-bridges"]));
        JsonNode[] rows = [.. File.ReadLines(path).Select(line => JsonNode.Parse(line)!)];
        Assert.That(rows, Has.Length.EqualTo(9 * (1 + 6 + 4)));
        JsonNode[] own = [.. rows.Where(r => r["p_after"] is null)];
        Assert.That(own, Has.Length.EqualTo(9), "each pair meets its own memory once");
        Assert.That(own.Select(r => (string)r["category"]!), Is.All.EqualTo("other-bridges"));
        double[] first = [.. rows.Where(r => (string)r["category"]! == "random-tokens").Take(9)
            .Select(r => 100 * ((double)r["p_after"]! / (double)r["p_before"]! - 1))];
        Assert.That((double)json["categories"]![1]!["each"]![0]!["median"]!,
            Is.EqualTo(first.Order().ElementAt(4)).Within(1e-9));
        Manifest manifest = Manifest.Read(path + ".manifest.json");
        Assert.That(manifest.Seed, Is.EqualTo(7));
        Assert.That((string)manifest.Options["placement"]!, Is.EqualTo("corrected"));
        string again = s_folder["again.jsonl"];
        Headtap.Done(Line("--layer", "1", "--tau", "2", "--seed", "7", "--out", again, "--threads", "1"));
        Assert.That(File.ReadAllBytes(again), Is.EqualTo(File.ReadAllBytes(path)));
    }

    [Test]
    public void Published_placement_moves_the_random_memories_alone()
    {
        JsonNode Run(params string[] more) => Headtap.Done(Line([.. more, "--tau", "2", "--json"])).Json;
        JsonNode published = Run("--layer", "0", "--placement", "published"), zero = Run("--layer", "0"),
            one = Run("--layer", "1");
        Assert.That((int)published["random_layer"]!, Is.EqualTo(1));
        static string Category(JsonNode json, int at) => json["categories"]![at]!.ToJsonString();
        Assert.That(Category(published, 0), Is.EqualTo(Category(zero, 0)));
        Assert.That(Category(published, 1), Is.EqualTo(Category(one, 1)));
        Assert.That(Category(Run("--layer", "0", "--same-norm"), 1), Is.Not.EqualTo(Category(zero, 1)));
    }

    [Test]
    public void Drawn_memories_fill_a_grid_and_word_lists_are_read()
    {
        JsonNode json = Headtap.Done(Line("--drawn", "--layer", "all", "--tau", "1-3", "--category",
            "random-tokens,words", "--words", s_folder["words.txt"], "--json")).Json;
        foreach (JsonNode? category in json["categories"]!.AsArray())
            Assert.That(category!["cells"]!.AsArray(), Has.Count.EqualTo(6));
        Assert.That((string)json["categories"]![2]!["category"]!, Is.EqualTo("words"));
        Assert.That(Headtap.Done(Line("--layer", "0", "--category", "words", "--words",
            s_folder["words.txt"])).Out, Does.Contain("words").And.Contain("curated"));
    }

    [TestCase("without --drawn", "--layer", "0,1"), TestCase("0 to 1", "--layer", "2")]
    [TestCase("0 to 0: random memories go one layer later", "--layer", "1", "--placement", "published")]
    [TestCase("corrected or published", "--layer", "0", "--placement", "late")]
    [TestCase("leave --drawn out", "--layer", "all", "--drawn", "--placement", "published")]
    [TestCase("--category is \"nouns\"", "--layer", "0", "--category", "nouns")]
    [TestCase("--count is 0", "--layer", "0", "--count", "0")]
    public void Bad_input_is_one_line(string expected, params string[] more)
        => Assert.That(Headtap.Refused(Line(more)), Does.Contain(expected));
}
