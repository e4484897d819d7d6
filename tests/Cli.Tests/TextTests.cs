using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using HeadTap.Models;

namespace HeadTap.Cli.Tests;

/// <summary>How texts become tokens, alike in every verb.</summary>
public sealed class TextTests
{
    static TemporaryFolder s_folder = null!;
    static ByteBpeTokenizer s_tokenizer = null!;

    static string Model => s_folder["model"];

    // The tiny model with added tokens: <q> is ordinary, <s> special and the tokenizer's begin-of-text token,
    // while config.json says 279.
    [OneTimeSetUp]
    public static void Make()
    {
        s_folder = new TemporaryFolder();
        Directory.CreateDirectory(Model);
        foreach (string file in (string[])["config.json", "model.safetensors", "merges.txt"])
            File.Copy(Path.Combine(TinyModel.Folder, file), Path.Combine(Model, file));
        JsonObject vocabulary = JsonNode.Parse(
            File.ReadAllText(Path.Combine(TinyModel.Folder, "vocab.json")))!.AsObject();
        // The two last merged tokens give way, so the model needs no new rows.
        string[] last = [.. vocabulary.Select(t => t.Key).Skip(277).Take(2)];
        string merges = Path.Combine(Model, "merges.txt");
        File.WriteAllLines(merges, File.ReadAllLines(merges)
            .Where(line => !last.Any(token => line.Replace(" ", "", StringComparison.Ordinal)
                .Contains(token, StringComparison.Ordinal))));
        foreach (string token in last)
            vocabulary.Remove(token);
        (vocabulary["<q>"], vocabulary["<s>"]) = (277, 278);
        File.WriteAllText(Path.Combine(Model, "vocab.json"), vocabulary.ToJsonString());
        File.WriteAllText(Path.Combine(Model, "tokenizer_config.json"), """
            {"bos_token": "<s>", "added_tokens_decoder": {
                "277": {"content": "<q>", "special": false}, "278": {"content": "<s>", "special": true},
                "279": {"content": "<|endoftext|>", "special": true}}}
            """);
        s_tokenizer = ByteBpeTokenizer.Load(Model);
    }

    [Test]
    public void Rows_without_text_are_counted_and_named()
    {
        string rows = s_folder.Write(
            "gaps.jsonl", "{\"text\":\"a\"}\n{\"text\":\"\"}\n\n{\"text\":\"b\"}\n{\"text\":\"\"}\n");
        Headtap run = Headtap.Done("tokenize", "--model", Model, "--text-file", rows);
        Assert.That(run.Error,
            Does.Contain("gaps.jsonl: 2 of 4 rows without text left out: line 2, line 5\n"));
    }

    [Test]
    public void A_file_that_is_called_as_an_option_keeps_its_name()
    {
        string lines = s_folder.Write("Lines.txt", "a\nb\n"), empty = s_folder.Write("text_file", "");
        Headtap run = Headtap.Done("tokenize", "--model", Model, "--text-file", lines);
        Assert.That(run.Error, Does.Contain("Lines.txt: one prompt of 2 lines, with the line break at its "
            + "end; --lines makes each line a prompt"));
        Assert.That(Headtap.Refused("tokenize", "--model", Model, "--text-file", empty),
            Is.EqualTo($"headtap: {empty}: there is no text in it.\n"));
        Assert.That(Headtap.Refused("generate", "--model", Model, "--ids", "1", "--bos-token", "Bos"),
            Does.Contain("--bos-token is \"Bos\""));
    }

    [OneTimeTearDown]
    public static void Remove() => s_folder.Dispose();

    [Test]
    public void The_tokenizer_names_the_token_that_begins_a_text()
    {
        Headtap run = Headtap.Done("generate", "--model", Model, "--text", "the city", "--bos",
            "--max-new-tokens", "1", "--json");
        Assert.That((int)run.Json[0]!["prompt_ids"]![0]!, Is.EqualTo(278));
        Assert.That(run.Error, Does.Contain("278 \"<s>\" in tokenizer_config.json, 279 \"<|endoftext|>\" in "
            + "config.json; 278 is taken; --bos-token takes another"));
        foreach (string named in (string[])["279", "<|endoftext|>"])
        {
            run = Headtap.Done("generate", "--model", Model, "--text", "the city", "--bos-token", named,
                "--max-new-tokens", "1", "--json");
            Assert.That((int)run.Json[0]!["prompt_ids"]![0]!, Is.EqualTo(279));
            Assert.That(run.Error, Does.Not.Contain("taken"));
        }
        Assert.That(Headtap.Refused("generate", "--model", Model, "--text", "a", "--bos-token", "<none>"),
            Does.Contain("--bos-token is \"<none>\"; expected a token id from 0 to 279"));
        Assert.That((int)Headtap.Done("eval", "--model", Model, "--text-file",
            s_folder.Write("e.txt", "the city"), "--bos", "--json").Json["bos"]!, Is.EqualTo(278));
        Assert.That(Headtap.Done("generate", "--model", TinyModel.Folder, "--text", "the city", "--bos",
            "--max-new-tokens", "1").Error, Does.Not.Contain("taken"), "the files agree");
    }

    [Test]
    public void Generation_config_is_heard_and_a_name_without_an_id_falls_back()
    {
        using var folder = new TemporaryFolder();
        foreach (string file in Directory.GetFiles(TinyModel.Folder))
            File.Copy(file, folder[Path.GetFileName(file)]);
        folder.Write("generation_config.json", "{\"bos_token_id\": 5}");
        folder.Write("tokenizer_config.json", "{\"bos_token\": \"<none>\"}");
        Headtap run = Headtap.Done("tokenize", "--model", folder.Path, "--text", "the", "--bos");
        Assert.That(run.Out, Does.StartWith("279,"));
        Assert.That(run.Error, Does.Contain("\"<none>\", which is no token of the model, in "
            + "tokenizer_config.json").And.Contain("5 \"&\" in generation_config.json"));
    }

    [TestCase("999", "999, which is no token of the model, in ")]
    [TestCase("[279, 5]", "[279, 5], which is more than one token, in ")]
    [TestCase("279", null), TestCase("[279]", null), TestCase("null", null)]
    public void An_id_in_a_config_that_cannot_be_is_a_disagreement(string id, string? line)
    {
        using var folder = new TemporaryFolder();
        foreach (string file in Directory.GetFiles(TinyModel.Folder))
            File.Copy(file, folder[Path.GetFileName(file)]);
        folder.Write("tokenizer_config.json", "{\"bos_token\": \"<|endoftext|>\"}");
        string config = File.ReadAllText(folder["config.json"]);
        foreach (string name in (string[])["config.json", "generation_config.json"])
        {
            folder.Write("generation_config.json", "{}");
            folder.Write("config.json", config);
            folder.Write(name, name == "config.json" ? config.Replace("\"bos_token_id\": 279",
                $"\"bos_token_id\": {id}", StringComparison.Ordinal) : $"{{\"bos_token_id\": {id}}}");
            Headtap run = Headtap.Done("generate", "--model", folder.Path, "--text", "the", "--bos",
                "--max-new-tokens", "1");
            if (line is null)
                Assert.That(run.Error, Does.Not.Contain("taken"));
            else
                Assert.That(run.Error, Does.Contain($"{line}{name}").And.Contain("279 is taken"));
        }
    }

    static IEnumerable<string[]> Verbs()
    {
        string lens = "logit";
        yield return ["tokenize"];
        yield return ["generate", "--max-new-tokens", "1"];
        yield return ["trace", "--sites", "hook_embed", "--out", "{out}.safetensors"];
        yield return ["grad", "--out", "{out}.safetensors"];
        yield return ["lens", "read", "--lens", lens, "--layer", "0"];
        yield return ["inject", "run", "--memory", " city", "--answer", "city", "--layer", "0"];
    }

    static Headtap Verb(string[] verb, params string[] rest)
    {
        string output = s_folder["out" + Guid.NewGuid().ToString("N")];
        return Headtap.Done([.. verb.Select(v => v.Replace("{out}", output, StringComparison.Ordinal)),
            "--model", Model, .. rest]);
    }

    [TestCaseSource(nameof(Verbs))]
    public void Every_verb_reads_the_same_files_of_prompts(params string[] verb)
    {
        string[] prompts = ["the capital of the country", "a city", "the <q> north"];
        s_folder.Write("p.jsonl", string.Join("\r\n", prompts.Select(p =>
            JsonSerializer.Serialize(new { question = p, answer = "no" }))));
        File.WriteAllText(s_folder["bom.jsonl"], string.Join("\n", prompts.Select(p =>
            JsonSerializer.Serialize(new { body = p, id = 3 }))), new System.Text.UTF8Encoding(true));
        s_folder.Write("p.json", JsonSerializer.Serialize(prompts));
        s_folder.Write("p.csv", "\uFEFFid,prompt\r\n"
            + string.Concat(prompts.Select((p, i) => $"{i},\"{p}\"\r\n")));
        s_folder.Write("p.txt", string.Join("\r\n", prompts) + "\r\n\r\n");
        s_folder.Write("ids.json", JsonSerializer.Serialize(prompts.Select(p => s_tokenizer.Encode(p))));
        string[] flag = verb[0] == "tokenize" ? [] : ["--json"];
        string expected = verb[0] == "tokenize"
            ? Verb(verb, "--text-file", s_folder["p.json"]).Out
            : Verb(verb, ["--batch", s_folder["ids.json"], .. flag]).Out;
        string Plain(string text) => Regex.Replace(text, "out[0-9a-f]{32}", "");
        foreach (string[] texts in (string[][])[["p.jsonl"], ["bom.jsonl", "--fields", "body"], ["p.json"],
            ["p.csv"], ["p.txt", "--lines"]])
        {
            Headtap run = Verb(verb, ["--text-file", s_folder[texts[0]], .. texts[1..], .. flag]);
            Assert.That(Plain(run.Out), Is.EqualTo(Plain(expected)), texts[0]);
            if (texts[0] == "p.csv")
                Assert.That(run.Error, Does.Contain("fields passed over: \"id\""));
            if (texts[0] == "p.txt")
                Assert.That(run.Error, Does.Contain("3 prompts, one a line"));
        }
        if (verb[0] != "tokenize")
            Assert.That(Plain(Verb(verb, ["--batch", s_folder["p.json"], .. flag]).Out),
                Is.EqualTo(Plain(expected)), "texts in a batch");
    }

    [TestCaseSource(nameof(Verbs))]
    public void Every_verb_says_what_it_does_with_special_text(params string[] verb)
    {
        Headtap run = Verb(verb, "--text", "the <s> city", "--seed", "0");
        Assert.That(run.Error, Does.Contain("a text spells the special token \"<s>\" and stays text; "
            + "--special makes it that token"));
        Assert.That(Verb(verb, "--text", "the <s> city", "--special").Error, Does.Not.Contain("spells"));
        Assert.That(Verb(verb, "--text", "the <q> city").Error, Does.Not.Contain("spells"));
    }

    [Test]
    public void A_plain_file_is_one_prompt_and_says_so()
    {
        string one = s_folder.Write("one.txt", "the city\n"), two = s_folder.Write("two.txt", "the\ncity");
        Headtap run = Headtap.Done("tokenize", "--model", Model, "--text-file", one);
        Assert.That(run.Out.Split('\n')[0], Does.EndWith($",{s_tokenizer.Encode("\n")[0]}"));
        Assert.That(run.Error, Does.Contain("one.txt: the line break at its end is part of the prompt; "
            + "--lines leaves it out"));
        Assert.That(Headtap.Done("tokenize", "--model", Model, "--text-file", one, "--lines")
            .Out.Split('\n')[0], Is.EqualTo(string.Join(',', s_tokenizer.Encode("the city"))));
        Assert.That(Headtap.Done("tokenize", "--model", Model, "--text-file", two).Error,
            Does.Contain("one prompt of 2 lines; --lines makes each line a prompt"));
        Assert.That(Headtap.Done("tokenize", "--model", Model, "--text-file", two, "--quiet").Error,
            Is.Empty);
    }

    [Test]
    public void Documents_come_from_tables_too()
    {
        string jsonl = s_folder.Write("d.jsonl", """
            {"input": "the capital of the country is", "output": "the city", "task": "T2"}
            """);
        string csv = s_folder.Write("d.csv", "text\nthe capital of the country is the city\n");
        JsonNode a = Headtap.Done("eval", "--model", Model, "--text-file", jsonl, "--json").Json,
            b = Headtap.Done("eval", "--model", Model, "--text-file", csv, "--json").Json;
        Assert.That((double)a["loss"]!, Is.EqualTo((double)b["loss"]!));
        Assert.That(Headtap.Done("eval", "--model", Model, "--text-file", jsonl).Error,
            Does.Contain("fields passed over: \"task\""));
        string[] lens = ["lens", "eval", "--model", Model, "--lens", "logit", "--json", "--text-file"];
        Assert.That(Headtap.Done([.. lens, jsonl]).Out, Is.EqualTo(Headtap.Done([.. lens, csv]).Out));
        Assert.That(Headtap.Refused("eval", "--model", Model, "--text-file", jsonl, "--fields", "input,gold"),
            Does.Contain("has no text \"gold\", which --fields names"));
    }

    [Test]
    public void A_model_that_was_trained_with_the_token_is_not_run_without_it_in_silence()
    {
        using var folder = new TemporaryFolder();
        foreach (string file in Directory.GetFiles(TinyModel.Folder))
            File.Copy(file, folder[Path.GetFileName(file)]);
        string[] call = ["generate", "--model", folder.Path, "--max-new-tokens", "1", "--ids"];
        Assert.That(Headtap.Done([.. call, "1,2"]).Error, Does.Not.Contain("trained"));
        folder.Write("manifest.json", "{\"command\": \"train --config t.json\", \"options\": {}}");
        const string Line = "the model was trained with token 279 \"<|endoftext|>\" before every text, and "
            + "this call puts none there; --bos does";
        Assert.That(Headtap.Done([.. call, "1,2"]).Error, Does.Contain(Line));
        Assert.That(Headtap.Done([.. call, "279,1,2"]).Error, Does.Not.Contain("trained"), "it is there");
        Assert.That(Headtap.Done([.. call, "1,2", "--bos"]).Error, Does.Not.Contain("trained"));
        folder.Write("manifest.json", "[another program's]");
        Assert.That(Headtap.Done([.. call, "1,2"]).Error, Does.Not.Contain("trained"));
        folder.Write("tokenizer_config.json", "{\"add_bos_token\": true}");
        Assert.That(Headtap.Done([.. call, "1,2"]).Error, Does.Contain(Line.Replace(
            "model was trained with", "model's tokenizer puts", StringComparison.Ordinal)));
    }

    [Test]
    public void The_encoder_layer_takes_the_tokenizers_token()
    {
        string[] call = ["inject", "run", "--model", Model, "--ids", "1,2,3", "--memory-ids", "4",
            "--answer-id", "5", "--layer", "0", "--encoder", "layer", "--json"];
        JsonNode own = Headtap.Done(call).Json, named = Headtap.Done([.. call, "--bos-token", "279"]).Json;
        Assert.That((int)named["bos"]!, Is.EqualTo(279));
        Assert.That(own["bos"], Is.Null);
        Assert.That(own["edit"]!.ToJsonString(), Is.Not.EqualTo(named["edit"]!.ToJsonString()));
    }
}
