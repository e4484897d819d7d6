using System.Text.Json.Nodes;
using HeadTap.Inject;
using HeadTap.Models;
using HeadTap.Runtime;
using HeadTap.Unlearn;

namespace HeadTap.Cli.Tests;

/// <summary>Options whose effect a run alone shows.</summary>
public sealed class OptionTests
{
    static string Generate(params string[] options) => Headtap.Done(["generate", "--model", TinyModel.Folder,
        "--ids", "5,6,7", "--max-new-tokens", "8", "--json", .. options]).Json[0]!["new_ids"]!.ToJsonString();

    [Test]
    public void What_narrows_a_draw_to_one_token_makes_it_greedy()
    {
        string greedy = Generate("--greedy");
        Assert.That(Generate("--temperature", "2", "--seed", "3"), Is.Not.EqualTo(greedy));
        foreach (string[] narrow in (string[][])
            [["--top-k", "1"], ["--top-p", "1e-6"], ["--temperature", "0"]])
            Assert.That(Generate([.. narrow, "--seed", "3"]), Is.EqualTo(greedy), narrow[0]);
        Assert.That(Generate("--top-p", "0.9", "--seed", "3"), Is.Not.EqualTo(
            Generate("--top-p", "0.9", "--seed", "4")));
    }

    // An option that takes a word took the name of the next option for it.
    [TestCase("--bos", "lens", "train", "--model", "M", "--ablation", "--bos", "--out", "never")]
    [TestCase("--out", "lens", "train", "--model", "M", "--ablation", "--out", "never")]
    [TestCase("--seed", "lens", "eval", "--model", "M", "--lens", "--seed", "1")]
    [TestCase("--json", "patch", "--model", "M", "--at", "--json")]
    [TestCase("--by", "attribute", "--clean", "a", "--metric", "--by", "position")]
    public void A_value_that_was_left_out_is_missed(string next, params string[] line)
        => Assert.That(Headtap.Refused(line), Does.EndWith($" has no value, and {next} is the next option; "
            + $"expected a value, or {line[Array.IndexOf(line, next) - 1]}={next} if it is meant as one\n"));

    [Test]
    public void A_value_may_look_like_an_option()
    {
        string Ids(params string[] text) => Headtap.Done(["tokenize", "--model", TinyModel.Folder, "--json",
            .. text]).Json["pieces"]!.AsArray().Aggregate("", (all, piece) => all + (string)piece!);
        Assert.That(Ids("--text=--bos"), Is.EqualTo("--bos"));
        Assert.That(Ids("--text", "--strange"), Is.EqualTo("--strange"), "no option of this verb");
    }

    [Test]
    public void A_sweep_injects_at_every_position_unless_told_otherwise()
    {
        using var folder = new TemporaryFolder();
        PromptPairs.Write(folder["pairs.jsonl"],
            [new("the capital is", "the capital of the north is", "city", "the") { Split = "test" }]);
        string[] call = ["inject", "sweep", "--model", TinyModel.Folder, "--data", folder["pairs.jsonl"],
            "--layers", "1", "--taus", "1", "--out", folder["sweep"]];
        Headtap.Done(call);
        Headtap.Done([.. call, "--position", "all"]); // the same call
        Assert.That(Headtap.Refused([.. call, "--position", "last"]),
            Does.Contain("belongs to another call"));
    }

    [Test]
    public void Without_a_stop_no_token_ends_a_text()
    {
        using var folder = new TemporaryFolder();
        using (ComputeDevice device = ComputeDevice.OpenHost())
        using (var model = new LanguageModel(device, TinyModel.Config))
        {
            model.Initialize(6);
            float[] embedding = model.Set["wte.weight"].ToArray();
            model.Set["ln_f.weight"].Upload(new float[TinyModel.Config.Width]);
            // The stream becomes a large multiple of token 0's row: its logit is the largest at every place.
            model.Set["ln_f.bias"].Upload([.. embedding[..TinyModel.Config.Width].Select(x => 1000 * x)]);
            model.Save(folder["zero"], TinyModel.Folder);
        }
        string[] call = ["generate", "--model", folder["zero"], "--ids", "5", "--max-new-tokens", "3",
            "--json"];
        Assert.That(Headtap.Done(call).Json[0]!["new_ids"]!.ToJsonString(), Is.EqualTo("[0,0,0]"));
        Assert.That(Headtap.Done([.. call, "--stop", "0"]).Json[0]!["new_ids"]!.AsArray(),
            Has.Count.LessThan(2));
    }

    [Test]
    public void An_argument_that_begins_with_an_at_sign_is_text()
    {
        using var folder = new TemporaryFolder();
        string name = "@" + folder.Write("the.txt", "the city");
        JsonNode read = Headtap.Done("tokenize", "--model", TinyModel.Folder, "--text", name, "--json").Json;
        Assert.That((string?)read["pieces"]![0], Is.EqualTo("@"));
        Assert.That((int)read["count"]!, Is.GreaterThan(2), "the file has two tokens");
    }

    [TestCase("NaN"), TestCase("Infinity"), TestCase("-∞"), TestCase("1e400")]
    public void A_number_is_finite(string value) => Assert.That(Headtap.Refused("generate", "--model",
        TinyModel.Folder, "--ids", "5", $"--temperature={value}"),
        Does.Contain($"--temperature is \"{value}\"; expected a number"));

    [Test]
    public void An_option_that_one_method_reads_names_it_in_the_help()
    {
        var readers = MethodCatalog.All.SelectMany(m => m.Options.Select(o => (m.Name, Option: o.Name)))
            .GroupBy(r => r.Option, r => r.Name).ToArray();
        var alone = readers.Where(r => r.Count() == 1).ToArray();
        Assert.That(alone, Has.Length.InRange(1, readers.Length - 1));
        foreach (var option in alone)
            Assert.That(MethodFlags.Describe(option.Key, MethodCatalog.All),
                Does.StartWith($"{option.Single()}: "));
    }

    [Test]
    public void A_limit_takes_the_first_pairs_of_the_split()
    {
        using var folder = new TemporaryFolder();
        PromptPairs.Write(folder["pairs.jsonl"], Enumerable.Range(0, 5).Select(i =>
            new PromptPair($"the city {i} is", $"a city {i} of the north is", "city", "the")
            {
                Split = i == 0 ? "validation" : "test",
            }));
        string[] Prompts(params string[] options)
        {
            string name = $"{Directory.GetDirectories(folder.Path).Length}";
            Headtap.Done(["inject", "sweep", "--model", TinyModel.Folder, "--data", folder["pairs.jsonl"],
                "--layers", "1", "--taus", "1", "--out", folder[name], .. options]);
            return [.. File.ReadLines(folder[$"{name}/prompts.jsonl"])
                .Select(l => JsonNode.Parse(l)!["explicit"]!.ToString()[9..10])];
        }
        Assert.That(Prompts("--limit", "2"), Is.EqualTo(["0", "1"]));
        Assert.That(Prompts("--limit", "2", "--split", "test"), Is.EqualTo(["1", "2"]));
        Assert.That(Prompts("--split", "test"), Is.EqualTo(["1", "2", "3", "4"]));
    }

    [Test]
    public void The_page_of_a_sweep_shows_the_pairs_that_gain_most_and_least()
    {
        using var folder = new TemporaryFolder();
        PromptPairs.Write(folder["pairs.jsonl"], Enumerable.Range(0, 6).Select(i => new PromptPair(
            $"the city {i} is", $"a city {i} of the north is", "city", "abcdef"[i..(i + 1)])));
        string[] line = ["inject", "sweep", "--model", TinyModel.Folder, "--data", folder["pairs.jsonl"],
            "--layers", "1", "--taus", "30", "--out", folder["s"]];
        Headtap.Done([.. line, "--report-prompts", "3"]);
        double Gain(int i) => (double)JsonNode.Parse(File.ReadLines(folder["s/cells.jsonl"]).ElementAt(i))!
            ["p_after"]! - (double)JsonNode.Parse(File.ReadLines(folder["s/prompts.jsonl"]).ElementAt(i))!
            ["p_obscure"]!;
        int[] order = [.. Enumerable.Range(0, 6).OrderByDescending(Gain)];
        string page = File.ReadAllText(folder["s/report.html"]);
        Assert.That(page.Split("<summary>").Skip(1).Select(s => int.Parse(s[7..8])),
            Is.EqualTo((int[])[order[0], order[1], order[5]]));
    }

    [Test]
    public void Windows_of_a_text_step_by_the_context_unless_it_is_said()
    {
        using var folder = new TemporaryFolder();
        string text = folder.Write("text.txt", string.Concat(Enumerable.Repeat("a city of the north ", 8)));
        JsonNode Eval(params string[] options) => Headtap.Done(["eval", "--model", TinyModel.Folder,
            "--text-file", text, "--json", .. options]).Json;
        JsonNode narrow = Eval("--context", "6"), same = Eval("--context", "6", "--stride", "6"),
            dense = Eval("--context", "6", "--stride", "2");
        Assert.That((int)narrow["stride"]!, Is.EqualTo(6));
        Assert.That((double)narrow["loss"]!, Is.EqualTo((double)same["loss"]!));
        Assert.That((int)dense["windows"]!, Is.GreaterThan(2 * (int)narrow["windows"]!));
        Assert.That((int)Eval()["context"]!, Is.EqualTo(24));
    }
}
