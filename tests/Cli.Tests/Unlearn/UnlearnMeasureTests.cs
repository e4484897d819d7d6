using System.Text.Json.Nodes;
using HeadTap.Models;
using HeadTap.Runtime;
using HeadTap.Unlearn;

namespace HeadTap.Cli.Tests;

/// <summary>unlearn measure, on sequences the tiny model wrote itself.</summary>
public sealed class UnlearnMeasureTests
{
    [Test]
    public void Shares_are_of_the_sequences_asked_by_group_too()
    {
        using var folder = new TemporaryFolder();
        string file = TinyRecital.Write(folder, "s.jsonl",
            [.. TinyRecital.Sequences(6), new PlantedSequence([1, 2, 3])]);
        JsonNode json = Headtap.Done(["unlearn", "measure", "--model", TinyModel.Folder, "--sequences", file,
            .. TinyRecital.Asked, "--json", "--memorised-out", folder["m.jsonl"]]).Json;
        Assert.That(((int)json["sequences"]!, (int)json["asked"]!), Is.EqualTo((7, 6)));
        Assert.That((double)json["memorised"]!, Is.EqualTo(4 / 6.0).Within(1e-12));
        Assert.That((double)json["loose"]!, Is.EqualTo(1), "four of five tokens are 80 %");
        Assert.That((double)json["similarity"]!, Is.EqualTo((4 + 2 * 0.8) / 6).Within(1e-12));
        Assert.That((double)json["correct"]!, Is.Zero, "no clean version is known");
        Assert.That(json["groups"]!.AsArray().Select(g => ((int)g!["group"]!, (int)g["asked"]!)),
            Is.EqualTo(((int, int)[])[(0, 3), (1, 3)]));
        Assert.That(File.ReadAllLines(folder["m.jsonl"]), Has.Length.EqualTo(4));
        string text = Headtap.Done(["unlearn", "measure", "--model", TinyModel.Folder, "--sequences", file,
            .. TinyRecital.Asked]).Out;
        Assert.That(text, Does.Contain("7 sequences, 6 asked").And.Contain("memorised   66.67").And
            .Contain("10^1"));
    }

    [Test]
    public void A_compressed_model_is_measured_as_one_that_was_written_so()
    {
        using var folder = new TemporaryFolder();
        string file = TinyRecital.Write(folder, "s.jsonl", TinyRecital.Sequences(9));
        string[] Call(string model, params string[] more) => ["unlearn", "measure", "--model", model,
            "--sequences", file, .. TinyRecital.Asked, "--json", .. more];
        JsonNode json = Headtap.Done(Call(TinyModel.Folder, "--after", "quantise:int4", "--after",
            "prune:0.9", "--after", "prune:0")).Json;
        JsonNode plain = Headtap.Done(Call(TinyModel.Folder)).Json;
        Assert.That((double)json["memorised"]!, Is.EqualTo((double)plain["memorised"]!));
        Assert.That(plain["after"], Is.Null);
        JsonArray after = json["after"]!.AsArray();
        Assert.That(after.Select(a => (string?)a!["after"]),
            Is.EqualTo((string[])["quantise:int4", "prune:0.9", "prune:0"]));
        foreach ((int i, WeightCompression compression) in
            ((WeightCompression[])[new RoundToNearest(4), new MagnitudePruning(0.9)]).Index())
        {
            using ComputeDevice device = ComputeDevice.OpenHost();
            using LanguageModel model = LanguageModel.Load(device, TinyModel.Folder);
            compression.Apply(model);
            model.Save(folder[$"m{i}"], TinyModel.Folder);
            JsonNode alone = Headtap.Done(Call(folder[$"m{i}"])).Json;
            foreach (string measure in (string[])["memorised", "loose", "similarity", "correct"])
                Assert.That((double)after[i]![measure]!, Is.EqualTo((double)alone[measure]!), measure);
        }
        Assert.That((double)after[1]!["similarity"]!, Is.LessThan((double)json["similarity"]!));
        Assert.That((double)after[2]!["similarity"]!, Is.EqualTo((double)json["similarity"]!));
        Assert.That((int)after[2]!["back"]!, Is.Zero);
        Assert.That(Headtap.Refused(Call(TinyModel.Folder, "--after", "quantise:int2")),
            Does.Contain("--after is \"quantise:int2\"").Or.Contain("--after is quantise:int2"));
    }

    [TestCase("2 to 4 tokens given, 2 to 4 to write", 2, 4), TestCase("3 tokens given, 3 to write", 3, 3)]
    public void Rows_with_prompts_of_their_own_are_counted_as_they_are(string line, int first, int second)
    {
        using var folder = new TemporaryFolder();
        string file = folder.Write("s.jsonl",
            $$"""
            {"ids":[1,2,3,4,5,6],"prompt":{{first}}}
            {"ids":[6,5,4,3,2,1],"prompt":{{second}}}
            """);
        foreach (string[] bos in (string[][])[[], ["--bos"]])
            Assert.That(Headtap.Done(["unlearn", "measure", "--model", TinyModel.Folder, "--sequences", file,
                .. bos]).Out, Does.StartWith($"2 sequences, 2 asked: {line}\n"));
    }

    [Test]
    public void The_tokens_given_are_the_same_whoever_put_the_first_there()
    {
        using var folder = new TemporaryFolder();
        string with = folder.Write("with.jsonl", """{"ids":[279,1,2,3,4,5,6],"prompt":4}"""),
            without = folder.Write("without.jsonl", """{"ids":[1,2,3,4,5,6],"prompt":3}""");
        string Line(params string[] more) => Headtap.Done(["unlearn", "measure", "--model",
            TinyModel.Folder, "--sequences", .. more]).Out.Split('\n')[0];
        const string Same = "1 sequence, 1 asked: 3 tokens given, 3 to write";
        Assert.That(Line(with), Is.EqualTo(Same));
        Assert.That(Line(with, "--bos"), Is.EqualTo(Same));
        Assert.That(Line(without, "--bos"), Is.EqualTo(Same));
        Assert.That(Line(folder.Write("one.jsonl", """{"ids":[1,2],"prompt":1}""")),
            Is.EqualTo("1 sequence, 1 asked: 1 token given, 1 to write"));
    }

    [Test]
    public void A_token_that_is_never_written_is_not_memorised()
    {
        using var folder = new TemporaryFolder();
        IReadOnlyList<PlantedSequence> sequences = TinyRecital.Sequences(1);
        string file = TinyRecital.Write(folder, "s.jsonl", sequences);
        Assert.That((double)Headtap.Done(["unlearn", "measure", "--model", TinyModel.Folder, "--sequences",
            file, .. TinyRecital.Asked, "--never-token", $"{sequences[0].Ids[^1]}", "--json"])
            .Json["memorised"]!, Is.Zero);
    }

    [TestCase("--prompt 0 --continuation 5", "expected at least 1 token each")]
    [TestCase("--continuation 5", "no --prompt")]
    [TestCase("--prompt 5", "no --continuation")]
    [TestCase("--prompt 20 --continuation 5", "are 25 tokens; the model's context is 24")]
    [TestCase("--prompt 3 --continuation 5 --never-token 280", "expected a token id from 0 to 279")]
    [TestCase("--prompt 3 --continuation 6", "none of 2 sequences can be asked for")]
    public void Numbers_that_do_not_fit_are_one_line(string rest, string line)
    {
        using var folder = new TemporaryFolder();
        string file = TinyRecital.Write(folder, "s.jsonl", TinyRecital.Sequences(2));
        Assert.That(Headtap.Refused(["unlearn", "measure", "--model", TinyModel.Folder, "--sequences", file,
            .. rest.Split(' ')]), Does.Contain(line));
    }

    [TestCase("{\"text\": \"the city\"}", "line 1: is text, and the model's folder has no tokenizer")]
    [TestCase("{\"ids\": [1, 280]}", "line 1: ids has \"280\"; expected whole numbers from 0 to 279")]
    [TestCase("", "holds no sequence")]
    [TestCase("{\"ids\": [1, 2]}\n{\"id\": [1]}", "line 2: expected \"ids\" or \"text\"")]
    [TestCase("[1]", "line 1: found \"[1]\"; expected an object")]
    public void Files_that_are_wrong_are_one_line(string text, string line)
    {
        using var folder = new TemporaryFolder();
        string file = folder.Write("s.jsonl", text);
        Assert.That(Headtap.Refused(["unlearn", "measure", "--model", TinyModel.BareFolder, "--sequences",
            file, .. TinyRecital.Asked]), Does.Contain(line));
    }

    [Test]
    public void Texts_are_asked_as_their_tokens()
    {
        using var folder = new TemporaryFolder();
        string file = folder.Write("s.jsonl", "{\"text\": \"the capital of the country is the city\"}");
        JsonNode json = Headtap.Done("unlearn", "measure", "--model", TinyModel.Folder, "--sequences", file,
            "--prompt", "2", "--continuation", "3", "--json").Json;
        Assert.That((int)json["asked"]!, Is.EqualTo(1));
    }
}
