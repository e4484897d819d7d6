using System.Text.Json.Nodes;
using HeadTap.Lens;

namespace HeadTap.Cli.Tests;

/// <summary>lens eval.</summary>
public sealed class LensEvalTests
{
    static TemporaryFolder s_folder = null!;
    static string s_head = "", s_tuned = "", s_foreign = "", s_batch = "", s_text = "";

    [OneTimeSetUp]
    public static void Write()
    {
        s_folder = new TemporaryFolder();
        s_head = TinyLenses.Write(s_folder, "head", new() { Kind = LensKind.Head }, [0, 1]);
        s_tuned = TinyLenses.Write(s_folder, "tuned", new() { Kind = LensKind.Tuned }, [1]);
        s_foreign = TinyLenses.Write(
            s_folder, "foreign", new() { Kind = LensKind.Thin }, [0], modelHash: new string('a', 64));
        s_batch = s_folder["rows.json"];
        File.WriteAllText(s_batch, "[[5, 6, 7, 8], [9, 10], [11, 12, 13]]");
        s_text = s_folder["text.txt"];
        File.WriteAllText(s_text, "the capital of the country is the city<|endoftext|>a city of the north");
    }

    [OneTimeTearDown]
    public static void Remove() => s_folder.Dispose();

    static string[] Line(string lens, params string[] more)
        => ["lens", "eval", "--model", TinyModel.Folder, "--lens", lens, .. more];

    static string[] Batch(string lens, params string[] more) => Line(lens, ["--batch", s_batch, .. more]);

    [Test]
    public void Json_has_layers_and_heads_beside_the_baselines()
    {
        JsonNode json = Headtap.Done(Batch(s_head, "--positions", "all", "--top", "20", "--json")).Json;
        Assert.That((long)json["positions"]!, Is.EqualTo(9));
        JsonArray layers = json["layers"]!.AsArray(), heads = json["heads"]!.AsArray();
        Assert.That(layers.Select(l => (int)l!["layer"]!), Is.EqualTo([0, 1]));
        foreach (JsonNode? layer in layers)
            foreach (string field in (string[])["kl", "kl_logit_lens", "kl_logit_lens_normalized", "top1",
                "top5", "top20", "entropy", "top1_logit_lens", "top5_logit_lens", "entropy_logit_lens"])
                Assert.That((double)layer![field]!, Is.GreaterThanOrEqualTo(0), field);
        Assert.That(heads, Has.Count.EqualTo(8));
        Assert.That(((int)heads[6]!["layer"]!, (int)heads[6]!["head"]!), Is.EqualTo((1, 2)));
        foreach (string field in (string[])["kl", "top1", "top5", "top20", "entropy"])
            Assert.That((double)heads[6]![field]!, Is.GreaterThanOrEqualTo(0), field);
        // The lens file counts no token, so with one added to each all are as likely: log V less the entropy.
        Assert.That((double)json["kl_unigram"]!,
            Is.EqualTo(Math.Log(280) - (double)json["model_entropy"]!).Within(1e-9));
        Assert.That(json["ablation"], Is.Null);
    }

    [Test]
    public void The_logit_lens_is_evaluated_as_a_lens()
    {
        JsonNode json = Headtap.Done(Batch("logit", "--layers", "1", "--json")).Json,
            learned = Headtap.Done(Batch(s_head, "--layers", "1", "--json")).Json;
        Assert.That((double)json["layers"]![0]!["kl"]!,
            Is.EqualTo((double)json["layers"]![0]!["kl_logit_lens"]!));
        Assert.That((double)learned["layers"]![0]!["kl_logit_lens"]!,
            Is.EqualTo((double)json["layers"]![0]!["kl"]!));
        Assert.That(json["kl_unigram"], Is.Null);
        Assert.That((long)json["positions"]!, Is.EqualTo(3));
    }

    [Test]
    public void Ablation_is_told_in_json_and_on_the_terminal()
    {
        JsonNode json = Headtap.Done(Batch(s_head, "--ablation", "2", "--json")).Json["ablation"]!;
        Assert.That((int)json["prompts"]!, Is.EqualTo(2));
        foreach (string by in (string[])["lens", "logit_lens"])
        {
            Assert.That(json[by]!["responsible"]!.AsArray(), Has.Count.EqualTo(2));
            foreach (string beside in (string[])["random", "same_layer"])
                Assert.That((double)json[by]![beside]!["lowers_more"]!, Is.InRange(0.0, 1.0));
        }
        string text = Headtap.Done(Batch(s_head, "--ablation", "2", "--ablation-to", "mean")).Out;
        Assert.That(text, Does.Contain("closest head").And.Contain("change of log p(answer), 2 prompts")
            .And.Contain("its layer's"));
    }

    [Test]
    public void Documents_are_rows_and_a_tuned_lens_has_no_heads()
    {
        JsonNode json = Headtap.Done(Line(s_tuned, "--text-file", s_text, "--bos", "--json")).Json;
        Assert.That((int)json["rows"]!, Is.EqualTo(2));
        Assert.That(json["heads"]!.AsArray(), Is.Empty);
        string text = Headtap.Done(Line(s_tuned, "--text-file", s_text, "--positions", "2")).Out;
        Assert.That(text, Does.Contain("4 of 2 rows (2)").And.Not.Contain("closest head"));
    }

    [Test]
    public void Bad_input_is_one_line()
    {
        Assert.That(Headtap.Refused(Batch(s_foreign)), Does.Contain("for a model with hash aaaaaaaaaaaa"));
        Assert.That(Headtap.Refused(Batch(s_folder["no"])), Does.Contain("no lens.safetensors is there"));
        Assert.That(Headtap.Refused(Batch(s_tuned, "--layers", "0")),
            Does.Contain("some of 1, which the lens has"));
        Assert.That(Headtap.Refused(Batch(s_tuned, "--ablation", "1")), Does.Contain("no head responsible"));
        Assert.That(Headtap.Refused(Batch(s_head, "--positions", "first")), Does.Contain("last, all"));
        Assert.That(Headtap.Refused(Batch(s_head, "--top", "281")), Does.Contain("--top is 281"));
        Assert.That(Headtap.Refused(Batch(s_head, "--ablation", "-1")), Does.Contain("--ablation is -1"));
        Assert.That(Headtap.Refused(Batch(s_head, "--ablation-to", "one")), Does.Contain("zero or mean"));
        Assert.That(Headtap.Refused(Line(s_head)), Does.Contain("no texts"));
        Assert.That(Headtap.Refused(Batch(s_head, "--text-file", s_text)), Does.Contain("two kinds"));
        Assert.That(Headtap.Refused(Rows("[[]]")), Does.Contain("row 0 is empty"));
        Assert.That(Headtap.Refused(Rows("[[1], [1, 280]]")), Does.Contain("row 1 has token id 280"));
        Assert.That(Headtap.Refused(Rows($"[[{string.Join(',', Enumerable.Repeat(1, 25))}]]")),
            Does.Contain("row 0 has 25 tokens; the model's context ends at 24"));
    }

    static string[] Rows(string json)
    {
        File.WriteAllText(s_folder["bad.json"], json);
        return Line(s_head, "--batch", s_folder["bad.json"]);
    }
}
