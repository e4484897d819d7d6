using System.Text.Json;
using System.Text.Json.Nodes;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Cli.Tests;

/// <summary>Data sets of unlearning as they are published, and the begin-of-text token before them.</summary>
public sealed class UnlearnTextsTests
{
    static readonly ByteBpeTokenizer s_tokenizer = ByteBpeTokenizer.Load(TinyModel.Folder);

    const string Prompt = "the capital of the city";

    static Headtap Measure(string file, params string[] rest)
        => Headtap.Done(["unlearn", "measure", "--model", TinyModel.Folder, "--sequences", file, .. rest]);

    /// <summary>What the model writes after a prompt that begins with the token or not.</summary>
    static string Written(bool bos, int tokens)
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = LanguageModel.Load(device, TinyModel.Folder);
        int[] ids = s_tokenizer.Encode(Prompt);
        return JsonSerializer.Serialize(new Generator(model).Generate(
            new SequenceBatch([bos ? [279, .. ids] : ids]),
            new GenerationOptions { MaxNewTokens = tokens })[0]);
    }

    [TestCase("a.jsonl", """{"question": "P", "answer": "north"}""")]
    [TestCase("b.jsonl", """{"input": "P", "output": "north", "id": "0a", "task": "T2", "split": "f"}""")]
    [TestCase("c.jsonl", """{"prompt": "P", "gt": "north"}""")]
    [TestCase("d.jsonl", """{"prompt_text": "P", "text": " north"}""")]
    [TestCase("e.json", """[{"question": "P", "answer": "north"}]""")]
    [TestCase("f.csv", "question,answer\r\nP,north\r\n")]
    [TestCase("g.csv", "\uFEFFs,t\nP,north\n", "--fields", "s,t")]
    public void A_prompt_and_its_continuation_are_two_texts(string name, string text, params string[] rest)
    {
        using var folder = new TemporaryFolder();
        string file = folder.Write(name, text.Replace("P", Prompt, StringComparison.Ordinal));
        Headtap run = Measure(file, ["--json", "--rows-out", folder["rows.jsonl"], .. rest]);
        int k = s_tokenizer.Encode(" north").Length;
        JsonNode row = run.Json["rows"]![0]!;
        Assert.That(row["written_ids"]!.ToJsonString(), Is.EqualTo(Written(false, k)));
        Assert.That((string)row["expected"]!, Is.EqualTo(" north"));
        Assert.That((int)row["row"]!, Is.EqualTo(1));
        Assert.That(Measure(file, ["--prompt", "2", .. rest]).Error,
            Does.Contain("1 of 1 sequence is asked from the end of its own prompt; --prompt is not used"));
        JsonNode line = JsonNode.Parse(File.ReadAllLines(folder["rows.jsonl"]).Single())!;
        Assert.That(line.ToJsonString(), Is.EqualTo(row.ToJsonString()));
        Assert.That(run.Error.Contains("passed over: \"id\", \"split\", \"task\"", StringComparison.Ordinal),
            Is.EqualTo(name == "b.jsonl"));
    }

    [Test]
    public void The_token_before_a_sequence_is_not_one_of_the_n()
    {
        using var folder = new TemporaryFolder();
        int[] ids = s_tokenizer.Encode(Prompt);
        int[] after = JsonSerializer.Deserialize<int[]>(Written(true, 3))!;
        // As text where that can be, and as ids with and without the token.
        string file = folder.Write("s.jsonl",
            JsonSerializer.Serialize(new { ids = (int[])[.. ids, .. after] }) + "\n"
            + JsonSerializer.Serialize(new { ids = (int[])[279, .. ids, .. after] }) + "\n");
        string[] n = ["--prompt", $"{ids.Length}", "--continuation", "3", "--json"];
        JsonNode with = Measure(file, [.. n, "--bos"]).Json, without = Measure(file, n).Json;
        Assert.That((double)with["memorised"]!, Is.EqualTo(1));
        Assert.That((int)with["bos"]!, Is.EqualTo(279));
        Assert.That(without["bos"], Is.Null);
        Assert.That((double)without["memorised"]!, Is.LessThan(1));
        Assert.That(Measure(file, [.. n[..^1], "--bos"]).Out, Does.Contain($"{ids.Length} tokens given"));
        Assert.That(Headtap.Refused("unlearn", "measure", "--model", TinyModel.Folder, "--sequences", file,
            "--bos", "--prompt", "20", "--continuation", "4"),
            Does.Contain("25 tokens with the begin-of-text token"));
    }

    [Test]
    public void Run_sweep_and_relearn_take_the_token_and_record_it()
    {
        using var folder = new TemporaryFolder();
        string forget = folder.Write("f.jsonl", """
            {"question": "the city of the north", "answer": "is a capital"}
            {"question": "a capital of the city", "answer": "is the country"}
            """);
        string[] call = ["--model", TinyModel.Folder, "--bos"];
        JsonNode run = Headtap.Done(["unlearn", "run", .. call, "--method", "gradient-ascent", "--budget",
            "1", "--epochs", "1", "--forget", forget, "--out", folder["edited"], "--json"]).Json;
        Assert.That((int)run["bos"]!, Is.EqualTo(279));
        JsonNode made = JsonNode.Parse(File.ReadAllText(folder["edited/manifest.json"]))!;
        Assert.That((int)made["options"]!["bos"]!, Is.EqualTo(279));
        Headtap.Done(["unlearn", "sweep", .. call, "--methods", "gradient-ascent", "--budgets", "1",
            "--epochs", "1", "--forget", forget, "--out", folder["sweep"]]);
        Assert.That(File.ReadAllText(folder["sweep/manifest.json"]), Does.Contain("\"bos\": 279"));
        Assert.That((int)Headtap.Done(["unlearn", "relearn", .. call, "--sequences", forget, "--steps", "1",
            "--json"]).Json["bos"]!, Is.EqualTo(279));
    }

    [Test]
    public void A_row_longer_than_the_context_follows_the_rule()
    {
        using var folder = new TemporaryFolder();
        string sentence = string.Concat(Enumerable.Repeat(" the city", 20));
        string file = folder.Write("l.jsonl",
            JsonSerializer.Serialize(new { question = sentence, answer = "north" }) + "\n"
            + JsonSerializer.Serialize(new { question = Prompt, answer = "north" }));
        string[] call = ["unlearn", "measure", "--model", TinyModel.Folder, "--sequences", file];
        Assert.That(Headtap.Refused(call), Does.Contain("row 1 has").And.Contain(
            "the model's context is 24; --long-rows shorten or leave-out takes the file"));
        Headtap run = Measure(file, "--long-rows", "leave-out", "--json");
        Assert.That(run.Json["rows"]!.AsArray().Select(r => (int)r!["row"]!), Is.EqualTo(new[] { 2 }));
        Assert.That(run.Error, Does.Contain("1 of 2 rows are longer than the context of 24 and are left "
            + "out"));
        run = Measure(file, "--long-rows", "shorten", "--bos", "--json");
        Assert.That(run.Json["rows"]!.AsArray().Select(r => (string)r!["expected"]!),
            Is.EqualTo(new[] { " north", " north" }));
        Assert.That(run.Error, Does.Contain("shortened"));
        Assert.That(Headtap.Refused([.. call, "--long-rows", "cut"]), Does.Contain("expected refuse"));
    }
}
