using System.Globalization;
using System.Text.Json.Nodes;
using HeadTap.Models;

namespace HeadTap.Cli.Tests;

/// <summary>What each verb gives for good input.</summary>
public sealed class VerbTests
{
    [Test]
    public void Alone_it_helps()
    {
        Headtap run = Headtap.Run();
        Assert.That(run.Code, Is.Zero);
        Assert.That(run.Out, Does.Contain("tour").And.Contain("trace").And.Contain("Usage"));
        Assert.That(Headtap.Run("--help").Out, Is.EqualTo(run.Out));
        Assert.That(Headtap.Run("--version").Out, Does.Match(@"^headtap \d+\.\d+\.\d+"));
        Assert.That(Headtap.Run("trace", "--help").Out, Does.Contain("--sites"));
    }

    [Test]
    public void Devices_lists_the_host_the_simulator_and_the_interpreter()
    {
        JsonArray devices = Headtap.Done("devices", "--json").Json.AsArray();
        Assert.That(devices.Select(d => (string)d!["name"]!), Is.SupersetOf(
            (string[])["cpu", "simulator", "ptx"]));
        Assert.That(devices.Count(d => (bool)d!["auto"]!), Is.EqualTo(1));
        Assert.That(devices.Where(d => !(bool)d!["usable"]!).All(d => ((string)d!["refusal"]!).Length > 0));
        string table = Headtap.Done("devices", "--verbose").Out;
        Assert.That(table, Does.Contain("cpu").And.Contain("vectors of"));
    }

    [Test]
    public void Tokenize_gives_ids_and_pieces()
    {
        var tokenizer = ByteBpeTokenizer.Load(TinyModel.Folder);
        const string Text = "the [capital]\n<|endoftext|>";
        JsonNode json = Headtap.Done("tokenize", "--model", TinyModel.Folder, "--text", Text, "--json").Json;
        Assert.That(json["ids"]!.AsArray().Select(i => (int)i!), Is.EqualTo(tokenizer.Encode(Text)));
        Headtap special = Headtap.Done("tokenize", "--model", TinyModel.Folder, "--text", Text,
            "--special", "--quiet");
        Assert.That(special.Out.Trim(),
            Is.EqualTo(string.Join(',', tokenizer.Encode(Text, true))).And.EndsWith(",279"));
        Assert.That(Headtap.Done("tokenize", "--model", TinyModel.Folder, "--text", Text).Out,
            Does.Contain("["));
    }

    [Test]
    public void Trace_writes_the_sites_with_a_batch_axis_and_zero_padding()
    {
        using var folder = new TemporaryFolder();
        string batch = folder.Write("batch.json", "[[7, 8, 9], [10]]"), file = folder["t.safetensors"];
        Headtap.Done("trace", "--model", TinyModel.BareFolder, "--batch", batch, "--bos", "--out", file,
            "--sites",
            "blocks.*.attn.hook_z, h.1.attn.hook_pattern,blocks.0.attn.hook_result,hook_embed,logits");
        Assert.That(folder.Entries(),
            Is.EqualTo((string[])["batch.json", "t.safetensors", "t.safetensors.manifest.json"]));

        using SafetensorsReader reader = SafetensorsReader.Open(file);
        var shapes = reader.Entries.ToDictionary(e => e.Name, e => e.Shape);
        Assert.That(shapes, Has.Count.EqualTo(8));
        Assert.That(shapes["blocks.1.attn.hook_z"], Is.EqualTo((long[])[2, 4, 4, 5]));
        Assert.That(shapes["blocks.0.attn.hook_result"], Is.EqualTo((long[])[2, 4, 4, 20]));
        Assert.That(shapes["blocks.1.attn.hook_pattern"], Is.EqualTo((long[])[2, 4, 4, 4]));
        Assert.That(shapes["hook_embed"], Is.EqualTo((long[])[2, 4, 20]));
        Assert.That(shapes["logits"], Is.EqualTo((long[])[2, 4, 280]));
        int[] tokens = new int[8], lengths = new int[2];
        reader.ReadInts("tokens", tokens);
        reader.ReadInts("lengths", lengths);
        Assert.That(tokens, Is.EqualTo((int[])[279, 7, 8, 9, 279, 10, 0, 0]));
        Assert.That(lengths, Is.EqualTo((int[])[4, 2]));
        float[] logits = new float[2 * 4 * 280], pattern = new float[2 * 4 * 4 * 4];
        reader.Read("logits", logits);
        reader.Read("blocks.1.attn.hook_pattern", pattern);
        Assert.That(logits[(6 * 280)..].All(v => v == 0), "padding");
        Assert.That(logits[..(6 * 280)].Any(v => v == 0), Is.False);
        for (int row = 0; row < 2 * 4 * 4; row++) // (b, h, query)
            Assert.That(pattern[(row * 4)..(row * 4 + 4)].Sum(),
                Is.EqualTo(row >= 16 && row % 4 >= 2 ? 0f : 1f).Within(1e-6f));
        Assert.That(reader.Metadata["bos"], Is.EqualTo("279"));
        Assert.That(reader.Metadata["model_hash"], Is.EqualTo(ModelFolder.Hash(TinyModel.BareFolder)));
        Assert.That(reader.Metadata["device"], Is.EqualTo("cpu"));
    }

    [Test]
    public void Trace_writes_one_site_as_npy_and_the_same_row_alone_gives_the_same_numbers()
    {
        using var folder = new TemporaryFolder();
        string batch = folder.Write("batch.json", "[[7, 8, 9], [10, 11]]");
        Headtap.Done("trace", "--model", TinyModel.BareFolder, "--batch", batch, "--sites", "logits",
            "--out", folder["both.npy"]);
        Headtap.Done("trace", "--model", TinyModel.BareFolder, "--ids", "10,11", "--sites", "logits",
            "--out", folder["alone.npy"]);
        (int[] shape, float[] both) = NpyFile.ReadFloats(folder["both.npy"]);
        float[] alone = NpyFile.ReadFloats(folder["alone.npy"]).Values;
        Assert.That(shape, Is.EqualTo((int[])[2, 3, 280]));
        Assert.That(both[(3 * 280)..(5 * 280)], Is.EqualTo(alone));
    }

    [Test]
    public void Trace_with_an_edit_differs_and_without_sites_prints_the_steps()
    {
        using var folder = new TemporaryFolder();
        string spec = folder.Write("edit.json",
            """{"edits":[{"site":"blocks.1.attn.hook_z","op":"zero","head":2}]}""");
        string[] steps = ["trace", "--model", TinyModel.Folder, "--text", "the capital of the city"];
        Headtap plain = Headtap.Done(steps), edited = Headtap.Done([.. steps, "--edit", spec]);
        Assert.That(plain.Out, Does.Contain("blocks.1.hook_resid_post").And.Contain("logits"));
        string Norm(Headtap run, string site)
            => run.Out.Split('\n').Single(l => l.Contains(site, StringComparison.Ordinal));
        Assert.That(Norm(edited, "blocks.1.hook_attn_out"),
            Is.Not.EqualTo(Norm(plain, "blocks.1.hook_attn_out")));
        Assert.That(Norm(edited, "blocks.0.hook_attn_out"),
            Is.EqualTo(Norm(plain, "blocks.0.hook_attn_out")));
    }

    [Test]
    public void Processed_weights_give_the_same_probabilities_from_other_logits()
    {
        using var folder = new TemporaryFolder();
        float[] Logits(string name, params string[] more)
        {
            Headtap.Done(["trace", "--model", TinyModel.BareFolder, "--ids", "3,4,5", "--sites", "logits",
                "--out", folder[name], .. more]);
            return NpyFile.ReadFloats(folder[name]).Values[(2 * 280)..];
        }
        float[] plain = Logits("a.npy"), processed = Logits("b.npy", "--processed");
        Assert.That(processed, Is.Not.EqualTo(plain));
        float shift = plain[0] - processed[0];
        Assert.That(plain.Zip(processed, (p, q) => Math.Abs(p - q - shift)).Max(), Is.LessThan(1e-5f));
    }

    [Test]
    public void Grad_writes_every_parameter_and_agrees_with_a_difference()
    {
        using var folder = new TemporaryFolder();
        string file = folder["g.safetensors"];
        Headtap run = Headtap.Done("grad", "--model", TinyModel.BareFolder, "--ids", "3,4,5,6", "--out", file,
            "--sites", "blocks.0.hook_attn_out");
        double loss = double.Parse(run.Out.Split(' ')[1], CultureInfo.InvariantCulture);
        using SafetensorsReader reader = SafetensorsReader.Open(file);
        var parameters = new ParameterLayout(TinyModel.Config);
        Assert.That(reader.Entries.Select(e => e.Name),
            Is.EquivalentTo([.. parameters.Slices.Select(s => s.Name), "blocks.0.hook_attn_out"]));
        Assert.That(double.Parse(reader.Metadata["loss"], CultureInfo.InvariantCulture), Is.EqualTo(loss));
        Assert.That(loss, Is.EqualTo(Math.Log(280)).Within(0.2));

        // ln_f.bias moves all rows alike: its gradient is a directional difference of the float64 reference.
        float[] dBias = new float[20], all = new float[parameters.TotalLength];
        reader.Read("ln_f.bias", dBias);
        ModelFolder.ReadParameters(TinyModel.BareFolder, TinyModel.Config, all);
        double expected = (Loss(all, parameters, 1e-2f) - Loss(all, parameters, -1e-2f)) / 2e-2;
        Assert.That(dBias[7], Is.EqualTo(expected).Within(1e-5));
    }

    static double Loss(float[] all, ParameterLayout parameters, float step)
    {
        float[] moved = [.. all];
        moved[parameters["ln_f.bias"].Offset + 7] += step;
        int[] tokens = [3, 4, 5, 6];
        double[] logits = new Float64Decoder(TinyModel.Config, name =>
            moved.AsSpan((int)parameters[name].Offset, (int)parameters[name].Length).ToArray()).Run(tokens);
        double sum = 0;
        for (int t = 0; t < 3; t++)
        {
            double[] row = logits[(t * 280)..((t + 1) * 280)];
            sum += Math.Log(row.Sum(Math.Exp)) - row[tokens[t + 1]];
        }
        return sum / 3;
    }

    [Test]
    public void Generate_is_greedy_unless_asked_and_seeded_when_it_draws()
    {
        string[] line = ["generate", "--model", TinyModel.Folder, "--text", "the city",
            "--max-new-tokens", "6", "--json"];
        int[] Ids(params string[] more)
            => [.. Headtap.Done([.. line, .. more]).Json[0]!["new_ids"]!.AsArray().Select(i => (int)i!)];
        int[] greedy = Ids();
        Assert.That(greedy, Has.Length.EqualTo(6));
        Assert.That(Ids("--greedy"), Is.EqualTo(greedy));
        Assert.That(Ids("--top-k", "1"), Is.EqualTo(greedy));
        int[] drawn = Ids("--temperature", "2", "--seed", "3");
        Assert.That(Ids("--temperature", "2", "--seed", "3"), Is.EqualTo(drawn));
        Assert.That(Ids("--temperature", "2", "--seed", "4"), Is.Not.EqualTo(drawn));
        Assert.That(Ids("--stop", $"{greedy[0]}"), Is.EqualTo(greedy[..1]));
        Assert.That(Headtap.Done(line[..^1]).Out, Does.StartWith("the city"));
        Assert.That(Headtap.Refused("generate", "--model", TinyModel.Folder, "--ids", "1",
            "--max-new-tokens", "24"),
            Does.Contain("context of 24"));
    }
}
