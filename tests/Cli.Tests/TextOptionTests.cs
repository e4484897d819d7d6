using System.CommandLine;
using System.Text.Json.Nodes;

namespace HeadTap.Cli.Tests;

/// <summary>Which verbs take texts, and that each has the options of texts and says which token begins
/// them.</summary>
public sealed class TextOptionTests
{
    // What texts, or sequences and pairs made of texts, come by.
    static readonly string[] Sources = ["--text", "--text-file", "--prompts", "--batch", "--explicit",
        "--obscure", "--from", "--into", "--pairs", "--data", "--sequences", "--forget", "--keep", "--asked",
        "--test", "--memory", "--answer", "--resample"];

    static readonly string[] Files = ["--text-file", "--sequences", "--forget", "--resample"];

    // A sequence is no line of plain text.
    static readonly string[] PlainFiles = ["--text-file", "--resample"];

    // Options of these names that hold no text.
    static readonly (string Verb, string Option, string Reason)[] NoText =
    [
        ("train", "--config", "the config says how texts are read"),
        ("unlearn train", "--data", "a folder of token ids"),
        ("unlearn train", "--keep", "numbers of epochs"),
    ];

    static readonly string[] Expected =
    [
        "view", "heads", "patch", "attribute", "tokenize", "trace", "grad", "generate", "eval", "lens train",
        "lens eval", "lens read", "lens scan", "lens memory", "lens gradient", "inject run", "inject compare",
        "inject suggest", "inject sweep", "inject evaluate", "inject random", "unlearn data",
        "unlearn measure", "unlearn run", "unlearn sweep", "unlearn relearn", "merge run", "merge align",
        "landscape line", "landscape plane", "landscape curve", "landscape curvature", "landscape vectors",
        "sweep plan inject sweep", "sweep plan unlearn sweep", "sweep plan landscape line",
        "sweep plan landscape plane",
    ];

    [Test]
    public void Every_verb_that_takes_texts_has_the_options_of_texts()
    {
        using StringWriter output = new(), error = new();
        RootCommand root = CommandLine.Root(new Terminal(output, error, false, false), default);
        var found = new List<string>();
        foreach ((string verb, string[] options) in Verbs(root, ""))
        {
            string[] texts = [.. options.Intersect(Sources)
                .Where(option => !NoText.Any(n => n.Verb == verb && n.Option == option))];
            if (texts.Length == 0)
                continue;
            found.Add(verb);
            Assert.That(options, Is.SupersetOf((string[])["--bos", "--bos-token", "--special"]), verb);
            if (texts.Intersect(Files).Any())
                Assert.That(options, Does.Contain("--fields"), verb);
            if (texts.Intersect(PlainFiles).Any())
                Assert.That(options, Does.Contain("--lines"), verb);
        }
        Assert.That(found, Is.EquivalentTo(Expected));
        foreach ((string verb, string option, string _) in NoText)
            Assert.That(Verbs(root, "").Single(v => v.Verb == verb).Options, Does.Contain(option), verb);
    }

    static IEnumerable<(string Verb, string[] Options)> Verbs(Command command, string name)
    {
        foreach (Command verb in command.Subcommands)
        {
            string path = $"{name} {verb.Name}".Trim();
            if (verb.Subcommands.Count == 0)
                yield return (path, [.. verb.Options.Select(o => o.Name)]);
            foreach ((string, string[]) inner in Verbs(verb, path))
                yield return inner;
        }
    }

    static TemporaryFolder s_folder = null!;

    [OneTimeSetUp]
    public static void Write()
    {
        s_folder = new TemporaryFolder();
        s_folder.Write("t.txt", "the capital of the country is the city of the north");
        s_folder.Write("words.txt", "city\nnorth\n");
        string[] names = ["city", "north", "country", "capital"];
        File.WriteAllLines(s_folder["pairs.jsonl"], Enumerable.Range(0, 8).Select(i => new JsonObject
        {
            ["explicit"] = $"the {names[i % 4]} is", ["obscure"] = $"the {names[i % 3]} of the city is",
            ["bridge"] = names[i % 4], ["answer"] = names[(i + 1) % 4],
            ["split"] = i % 2 == 0 ? "validation" : "test",
        }.ToJsonString()));
        File.WriteAllLines(s_folder["forget.jsonl"], names.Select(name => new JsonObject
        {
            ["question"] = $"the {name} of the north is", ["answer"] = "the city",
        }.ToJsonString()));
    }

    [OneTimeTearDown]
    public static void Remove() => s_folder.Dispose();

    static IEnumerable<TestCaseData> Calls()
    {
        foreach (string call in (string[])
        [
            "tokenize --text the", "trace --text the",
            "trace --text the --sites logits --out {new}.safetensors",
            "grad --text-file {t.txt} --out {new}.safetensors", "generate --text the --max-new-tokens 1",
            "eval --text-file {t.txt}", "lens train --text-file {t.txt} --kind thin --steps 1 --out {new}",
            "lens eval --lens logit --text-file {t.txt}", "lens read --lens logit --text the",
            "lens scan --lens logit --text the --words {words.txt}",
            "lens memory --lens logit --from the --into city --answer north",
            "lens memory --lens logit --pairs {pairs.jsonl}",
            "inject run --text the --memory city --answer north --layer 0",
            "inject compare --explicit the --obscure city --bridge north",
            "inject suggest --explicit the --obscure city --bridge north --answer city",
            "inject suggest --data {pairs.jsonl}", "inject suggest --data {pairs.jsonl} --evaluate --tau 2",
            "inject sweep --data {pairs.jsonl} --layers 0 --taus 2 --out {new}",
            "inject evaluate --data {pairs.jsonl} --layers 0 --taus 2 --draws 1",
            "inject random --data {pairs.jsonl} --layer 0 --tau 2 --count 2",
            "unlearn measure --sequences {forget.jsonl}",
            "unlearn run --method durable --budget 0.1 --forget {forget.jsonl} --out {new}",
            "unlearn sweep --methods durable --budgets 0.1 --forget {forget.jsonl} --out {new}",
            "unlearn relearn --sequences {forget.jsonl} --steps 1",
        ])
            yield return new TestCaseData(call).SetArgDisplayNames(call);
    }

    [TestCaseSource(nameof(Calls))]
    public void The_token_that_begins_a_text_is_in_the_json(string call)
    {
        string[] words = [.. call.Split(' ').Select(word => word
            .Replace("{new}", s_folder[Guid.NewGuid().ToString("N")], StringComparison.Ordinal)
            .Replace("{", s_folder.Path + "/", StringComparison.Ordinal)
            .Replace("}", "", StringComparison.Ordinal))];
        JsonNode json = Headtap.Done([.. words, "--model", TinyModel.Folder, "--json", "--bos"]).Json;
        JsonNode one = json is JsonArray list ? list[0]! : json;
        Assert.That((int?)(one["bos_token"] ?? one["bos"]), Is.EqualTo(279), json.ToJsonString());
    }

    [Test]
    public void A_data_set_of_texts_is_made_as_every_other_verb_reads_them()
    {
        s_folder.Write("d.jsonl", string.Concat(Enumerable.Range(0, 40).Select(i =>
            $$"""{"body": "the city {{i % 7}} of the <|endoftext|> north", "id": 1}""" + "\n")));
        string[] call = ["unlearn", "data", "--task", "text", "--tokenizer", TinyModel.Folder, "--text-file",
            s_folder["d.jsonl"], "--fields", "body", "--context", "10", "--test-count", "3", "--artefact",
            "none", "--prompt", "4", "--continuation", "4", "--json"];
        int Count(string name, int token) => File.ReadLines(s_folder[$"{name}/train.jsonl"])
            .Sum(line => JsonNode.Parse(line)!["ids"]!.AsArray().Count(id => (int)id! == token));
        JsonNode plain = Headtap.Done([.. call, "--out", s_folder["plain"]]).Json,
            bos = Headtap.Done([.. call, "--out", s_folder["bos"], "--bos"]).Json;
        Assert.That(((int?)plain["bos"], (int?)bos["bos"]), Is.EqualTo(((int?)null, (int?)279)));
        Assert.That(Count("plain", 279), Is.Zero);
        Assert.That(Count("bos", 279), Is.GreaterThan(20));
        foreach (string file in (string[])["data.json", "manifest.json"])
        {
            Assert.That(File.ReadAllText(s_folder["bos/" + file]), Does.Match("\"bos\": ?279"));
            Assert.That(File.ReadAllText(s_folder["plain/" + file]), Does.Not.Contain("\"bos\""));
        }
        Headtap.Done([.. call, "--out", s_folder["special"], "--special"]);
        Assert.That(Count("special", 279), Is.GreaterThan(20));
        s_folder.Write("l.txt", string.Concat(Enumerable.Repeat("the city of the north\n", 40)));
        string[] lines = [.. call.Select(w => w == s_folder["d.jsonl"] ? s_folder["l.txt"] : w)
            .Where(w => w is not ("--fields" or "body")), "--lines", "--bos-token", "5"];
        Headtap.Done([.. lines, "--out", s_folder["lines"]]); // an id, not the token that is spelled "5"
        Assert.That(Count("lines", 5), Is.GreaterThan(20));
        Assert.That(Headtap.Refused("unlearn", "data", "--bos", "--out", s_folder["x"]),
            Does.Contain("--bos, --bos-token, --special, --lines and --fields belong to --task text"));
    }

    [Test]
    public void A_child_of_a_model_that_was_trained_with_the_token_is_not_run_without_it_in_silence()
    {
        string parent = s_folder["parent"];
        Directory.CreateDirectory(parent);
        foreach (string file in Directory.GetFiles(TinyModel.Folder))
            File.Copy(file, Path.Combine(parent, Path.GetFileName(file)));
        string Remarks(string model) => Headtap.Done("generate", "--model", model, "--ids", "1,2",
            "--max-new-tokens", "1").Error;
        string[] forget = ["--method", "durable", "--budget", "0.1", "--forget", s_folder["forget.jsonl"]];
        Headtap.Done(["unlearn", "run", "--model", parent, .. forget, "--out", s_folder["untrained child"]]);
        Assert.That(Remarks(s_folder["untrained child"]), Does.Not.Contain("trained"));
        s_folder.Write("parent/manifest.json", "{\"command\": \"train --config t.json\", \"options\": {}}");
        Headtap.Done(["unlearn", "run", "--model", parent, .. forget, "--out", s_folder["child"]]);
        Headtap.Done(["unlearn", "run", "--model", s_folder["child"], .. forget, "--out",
            s_folder["second"]]);
        Headtap.Done("unlearn", "apply", "--model", parent, "--edit", s_folder["child"], "--out",
            s_folder["applied"]);
        Headtap.Done("unlearn", "apply", "--model", s_folder["applied"], "--undo", "--out",
            s_folder["undone"]);
        foreach (string child in (string[])["child", "second", "applied", "undone"])
            Assert.That(Remarks(s_folder[child]),
                Does.Contain("the model was trained with token 279"), child);
    }

    [Test]
    public void A_text_that_begins_with_the_token_keeps_one()
    {
        int bos = TinyModel.Config.BosToken!.Value;
        foreach (string ids in (string[])[$"{bos},5,6", "5,6"])
        {
            Headtap run = Headtap.Done("generate", "--model", TinyModel.Folder, "--ids", ids, "--bos",
                "--max-new-tokens", "1", "--json");
            Assert.That(run.Out.Replace(" ", "").Replace("\n", ""), Does.Contain($"[{bos},5,6]"), ids);
            Assert.That(run.Error.Contains($"begins with the begin-of-text token {bos}"),
                Is.EqualTo(ids.StartsWith($"{bos}", StringComparison.Ordinal)), run.Error);
        }
    }

    [Test]
    public void Rows_without_a_prompt_are_left_out_with_a_remark()
    {
        using var folder = new TemporaryFolder();
        string file = folder.Write("qa.jsonl", """
            {"question":"the house","answer":""}
            {"question":"","answer":"the house"}
            {"question":"the north","answer":"the city"}
            """);
        foreach (string verb in (string[])["tokenize", "generate"])
        {
            Headtap run = Headtap.Done([verb, "--model", TinyModel.Folder, "--text-file", file, "--json",
                .. verb == "generate" ? (string[])["--max-new-tokens", "1"] : []]);
            Assert.That(run.Error, Does.Contain("1 of 3 rows without text left out: line 2"), verb);
        }
    }
}
