using System.Text.Json.Nodes;

namespace HeadTap.Cli.Tests;

/// <summary>inject.</summary>
public class InjectTests
{
    static readonly string[] Run =
        ["inject", "run", "--model", TinyModel.BareFolder, "--ids", "5,6,7", "--memory-ids",
            "9,11", "--answer-id", "20"];

    [Test]
    public void Run_prints_one_object_whose_edit_replays_to_the_same_probability()
    {
        using var folder = new TemporaryFolder();
        JsonNode json = Headtap.Done([.. Run, "--layer", "1", "--tau", "2.5", "--json", "--edit-out",
            folder["e.json"]]).Json;
        double before = (double)json["p_before"]!, after = (double)json["p_after"]!;
        Assert.That(before > 0 && after > 0 && before != after);
        Assert.That((double)json["surprisal_after"]!, Is.EqualTo(-Math.Log(after)).Within(1e-9));
        Assert.That((int)json["rank_before"]!, Is.InRange(1, 280));
        Assert.That(json["top_after"]!.AsArray(), Has.Count.EqualTo(10));
        Assert.That(json["edit"]!.ToJsonString(),
            Is.EqualTo(JsonNode.Parse(File.ReadAllText(folder["e.json"]))!.ToJsonString()));
        Headtap.Done("trace", "--model", TinyModel.BareFolder, "--ids", "5,6,7", "--edit",
            folder["e.json"], "--sites", "logits",
            "--out", folder["t.safetensors"]);
        using var reader = HeadTap.Models.SafetensorsReader.Open(folder["t.safetensors"]);
        float[] logits = new float[3 * 280];
        reader.Read("logits", logits);
        double[] e = [.. logits[^280..].Select(x => Math.Exp((double)x))];
        Assert.That(e[20] / e.Sum(), Is.EqualTo(after).Within(1e-9));
    }

    [Test]
    public void An_injection_in_processed_weights_replays_in_generation()
    {
        using var folder = new TemporaryFolder();
        string spec = folder["e.json"];
        JsonNode json = Headtap.Done([.. Run, "--layer", "1", "--tau", "9", "--weights", "transformer-lens",
            "--json", "--edit-out", spec]).Json;
        string[] generate = ["generate", "--model", TinyModel.BareFolder, "--ids", "5,6,7", "--edit", spec,
            "--max-new-tokens", "1", "--json"];
        Assert.That((int)Headtap.Done([.. generate, "--processed"]).Json[0]!["new_ids"]![0]!,
            Is.EqualTo((int)json["top_after"]![0]!["id"]!));
    }

    [TestCase("--encoder", "embed"), TestCase("--encoder", "layer"),
        TestCase("--weights", "transformer-lens")]
    [TestCase("--site", "mlp_out"), TestCase("--position", "last"), TestCase("--position", "0-1"),
        TestCase("--relative", null)]
    public void Options_change_the_result(string option, string? value)
    {
        string[] line = [.. Run, "--layer", "0,1", "--json"];
        double plain = (double)Headtap.Done(line).Json["p_after"]!;
        JsonNode json =
            Headtap.Done([.. line, option, .. value is null ? Array.Empty<string>() : [value]]).Json;
        if (value == "embed") // tied and raw: the same vector
            Assert.That((double)json["p_after"]!, Is.EqualTo(plain));
        else
            Assert.That((double)json["p_after"]!, Is.Not.EqualTo(plain).Within(1e-9));
    }

    [Test]
    public void Without_json_the_standing_is_printed() => Assert.That(
        Headtap.Done([.. Run, "--layer", "0"]).Out,
        Does.Contain("rank").And.Contain("surprisal").And.Contain("->"));

    [TestCase("0 to 1", "--layer", "2"), TestCase("0 to 1", "--layer", "x")]
    [TestCase("unembed, embed, layer or jacobian", "--layer", "0", "--encoder", "sum")]
    [TestCase("raw or transformer-lens", "--layer", "0", "--weights", "folded")]
    [TestCase("attn_out", "--layer", "0", "--site", "hook_z")]
    [TestCase("span", "--layer", "0", "--position", "2-3")]
    [TestCase("span", "--layer", "0", "--position", "2-1")]
    [TestCase("--site result", "--layer", "0", "--head", "1")]
    [TestCase("head", "--layer", "0", "--site", "result", "--head", "9")]
    [TestCase("two memories", "--layer", "0", "--memory", "x")]
    [TestCase("two answers", "--layer", "0", "--answer", "x")]
    [TestCase("overflows", "--layer", "0", "--tau", "1e25")]
    [TestCase("--top", "--layer", "0", "--top", "0")]
    public void Bad_input_is_one_line(string expected, params string[] more)
        => Assert.That(Headtap.Refused([.. Run, .. more]), Does.Contain(expected));

    [Test]
    public void Memories_and_answers_outside_the_vocabulary_are_one_line()
    {
        string[] line = ["inject", "run", "--model", TinyModel.BareFolder, "--ids", "5", "--layer", "0"];
        Assert.That(Headtap.Refused([.. line, "--memory-ids", "9"]), Does.Contain("no answer"));
        Assert.That(Headtap.Refused([.. line, "--answer-id", "9"]), Does.Contain("no memory"));
        Assert.That(Headtap.Refused([.. line, "--answer-id", "280", "--memory-ids", "9"]),
            Does.Contain("0 to 279"));
        Assert.That(Headtap.Refused([.. line, "--answer-id", "1", "--memory-ids", "300"]),
            Does.Contain("300"));
        Assert.That(Headtap.Refused([.. line, "--answer", "x", "--memory-ids", "9"]),
            Does.Contain("--answer-id"));
        Assert.That(Headtap.Refused([.. line, "--answer-id", "1", "--memory-ids", ""]),
            Does.Contain("--memory-ids"));
    }
}
