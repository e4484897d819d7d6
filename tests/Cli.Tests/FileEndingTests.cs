using System.Text;
using System.Text.Json;

namespace HeadTap.Cli.Tests;

/// <summary>What the ending of a file's name says about its rows.</summary>
public sealed class FileEndingTests
{
    const string Json = """
        {"text":"the city","id":"1"}
        {"text":"a capital, the north","id":"2"}
        """;

    static TemporaryFolder s_folder = null!;

    [OneTimeSetUp]
    public static void Write()
    {
        s_folder = new TemporaryFolder();
        foreach (string ending in (string[])["jsonl", "ndjson", "NDJSON"])
            s_folder.Write("rows." + ending, Json);
        s_folder.Write("rows.csv", "text,id\nthe city,1\n\"a capital, the north\",2\n");
        s_folder.Write("rows.tsv", "text\tid\nthe city\t1\na capital, the north\t2\n");
    }

    [OneTimeTearDown]
    public static void Remove() => s_folder.Dispose();

    [TestCase("ndjson"), TestCase("NDJSON"), TestCase("csv"), TestCase("tsv")]
    public void Rows_are_the_same_in_every_form(string ending)
    {
        foreach (string[] verb in (string[][])[["tokenize"], ["lens", "eval", "--lens", "logit"],
            ["generate", "--max-new-tokens", "2"]])
            Assert.That(Run(verb, ending).Out, Is.EqualTo(Run(verb, "jsonl").Out));
        string[] eval = ["eval", "--json"];
        Assert.That((double)Run(eval, ending).Json["loss"]!,
            Is.EqualTo((double)Run(eval, "jsonl").Json["loss"]!));
        Assert.That(Run(["tokenize"], ending).Error, Does.Contain("fields passed over: \"id\""));
    }

    [TestCase("ndjson", "jsonl"), TestCase("tsv", "csv")]
    public void A_lens_learns_the_same(string ending, string other)
    {
        string[] steps = [.. new[] { ending, other }.Select(name =>
        {
            string lens = s_folder["lens-" + name];
            Run(["lens", "train", "--kind", "thin", "--steps", "1", "--batch-rows", "2", "--out", lens],
                name);
            return File.ReadAllText(Path.Combine(lens, "metrics.jsonl"));
        })];
        Assert.That(steps[0], Is.EqualTo(steps[1]));
    }

    [TestCase("pairs.ndjson", """{"explicit":"the","obscure":"a city","bridge":"north","answer":"city"}""")]
    [TestCase("pairs.tsv",
        "explicit_sentence\tobscure_sentence\texplicit_entity\tobscure_entity\tanswer\n"
        + "the\ta city\tnorth\tcity\tcity")]
    public void Pairs_are_read_too(string name, string content) => Assert.That(
        (int)Headtap.Done("inject", "suggest", "--model", TinyModel.Folder, "--data",
            s_folder.Write(name, content), "--json").Json["pairs"]!, Is.EqualTo(1));

    [Test]
    public void Sequences_are_read_too()
    {
        string file = s_folder.Write("asked.tsv", "question\tanswer\nthe city\ta capital\nthe\tnorth");
        Assert.That((int)Headtap.Done("unlearn", "measure", "--model", TinyModel.Folder, "--sequences", file,
            "--json").Json["asked"]!, Is.EqualTo(2));
    }

    [TestCase("rows.jsonl.txt", Json, true), TestCase("rows", Json, true)]
    [TestCase("one.txt", "{\"a\":1}", true)]
    [TestCase("rows.txt", "{the}\n", false), TestCase("empty.txt", "{}\n", false)]
    [TestCase("text.txt", "the {\"text\":\"a\"}\n", false)]
    public void A_plain_text_that_looks_like_rows_gets_a_remark(string name, string content, bool remark)
    {
        string file = s_folder.Write(name, content);
        foreach (string verb in (string[])["tokenize", "eval"])
            Assert.That(Headtap.Done(verb, "--model", TinyModel.Folder, "--text-file", file).Error, remark
                ? Does.Contain($"{file}: its first line is a JSON object") : Does.Not.Contain("JSON"));
    }

    [TestCase("[{\"text\": \"the\"}]", true)]
    [TestCase("\n[\n  {\n    \"text\": \"the\"\n  },\n  {\"text\": \"city\"}\n]\n", true)]
    [TestCase("[\"the\", \"city\"]", true)]
    [TestCase("[{}]", false), TestCase("[1, 2]", false), TestCase("[the {city}]\n", false)]
    [TestCase("[{\"text\": \"the\"}", false), TestCase("[\"the\"] city\n", false)]
    public void A_plain_text_that_is_a_list_gets_a_remark(string content, bool remark)
    {
        string file = s_folder.Write("list.txt", content);
        foreach (string verb in (string[])["tokenize", "eval"])
            Assert.That(Headtap.Done(verb, "--model", TinyModel.Folder, "--text-file", file).Error, remark
                ? Does.Contain($"{file}: is a JSON list, and its name is that of a plain text; a name that "
                    + "ends in .json makes rows of its items\n") : Does.Not.Contain("JSON"));
    }

    [Test]
    public void A_long_list_is_known_by_its_beginning_also_in_train()
    {
        string file = s_folder.Write("long.txt", "["
            + string.Join(",\n", Enumerable.Repeat("{\"text\": \"the city of the north\"}", 3000)) + "]");
        Assert.That(new FileInfo(file).Length, Is.GreaterThan(1 << 16));
        Assert.That(Headtap.Done("tokenize", "--model", TinyModel.Folder, "--text-file", file).Error,
            Does.Contain("long.txt: is a JSON list"));
        string shortened = s_folder.Write("short.txt", "[{\"text\": \"the city of the north is a city\"}]");
        string config = s_folder.Write("train.json", $$"""
            {"model": {"layers": 1, "width": 8, "heads": 2, "context": 8},
             "tokenizer": {"train_bpe": {"vocab_size": 258, "minimum_count": 1} },
             "data": {"files": [{{JsonSerializer.Serialize(shortened)}}]},
             "rows": "packed", "tokens_per_row": 4, "batch_rows": 1, "steps": 1, "seed": 1}
            """);
        Assert.That(Headtap.Done("train", "--config", config, "--out", s_folder["trained"]).Error,
            Does.Contain("short.txt: is a JSON list"));
    }

    [TestCase("q;a\nwho;me\n", "it has \"q;a\"")]
    [TestCase("frage,antwort\nwer,ich\n", "it has \"frage\", \"antwort\"")]
    public void A_table_without_known_columns_says_which_it_has(string table, string found) => Assert.That(
        Headtap.Refused("tokenize", "--model", TinyModel.Folder, "--text-file",
            s_folder.Write("strange.csv", table)),
        Does.Contain($"line 2 has no \"text\"; {found}; expected"));

    [Test]
    public void Utf16_is_called_so()
    {
        foreach (bool mark in (bool[])[true, false])
        {
            string file = s_folder["utf16.jsonl"];
            File.WriteAllText(file, Json, new UnicodeEncoding(false, mark));
            foreach (string verb in (string[])["tokenize", "eval"])
                Assert.That(Headtap.Refused(verb, "--model", TinyModel.Folder, "--text-file", file),
                    Is.EqualTo($"headtap: {file}: line 1 is not UTF-8; save the file as UTF-8.\n"));
        }
    }

    [TestCase("txt"), TestCase("csv")]
    public void Utf16_without_its_mark_is_no_plain_text(string ending)
    {
        string file = s_folder[$"utf16.{ending}"];
        File.WriteAllText(file, "text\nthe city\n", new UnicodeEncoding(false, false));
        foreach (string verb in (string[])["tokenize", "eval"])
            Assert.That(Headtap.Refused(verb, "--model", TinyModel.Folder, "--text-file", file),
                Does.Contain($"{file}: byte 1 is 0, as in UTF-16 or a binary file"));
    }

    [TestCase("the city\n", "1 prompt, one a line"), TestCase("the\ncity\n", "2 prompts, one a line")]
    public void Prompts_are_counted(string text, string remark) => Assert.That(Headtap.Done("tokenize",
        "--model", TinyModel.Folder, "--lines", "--text-file", s_folder.Write("counted.txt", text)).Error,
        Does.Contain($"counted.txt: {remark}\n"));

    static Headtap Run(string[] verb, string ending) => Headtap.Done(
        [.. verb, "--model", TinyModel.Folder, "--text-file", s_folder["rows." + ending]]);
}
