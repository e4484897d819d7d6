using System.Text.Json;
using HeadTap.Kernels.Tests;

namespace HeadTap.Models.Tests;

/// <summary>Values from files, from texts and from a data set.</summary>
public class EditFileValueTests
{
    static readonly Site Stream = new(SiteKind.ResidPost, 0);

    [Test]
    public void What_trace_writes_as_npy_is_read_back()
    {
        using var run = new EditedRun("cpu512");
        using var folder = new TemporaryFolder();
        Recording recorded = run.Forward()[Stream];
        NpyFile.Write(folder["x.npy"], recorded.Shape, recorded.ToArray());
        Edit patch = Read(folder,
            """{"site":"blocks.0.hook_resid_post","op":"patch","value":{"file":"x.npy"}}""");
        Edit zero = new() { Site = "blocks.0.hook_resid_post", Operation = EditOperation.Zero };
        var logits = new Site(SiteKind.Logits, 0);
        Assert.That(run.Forward(zero, patch)[logits].ToArray(), Is.EqualTo(run.Forward()[logits].ToArray()));
    }

    [Test]
    public void One_row_of_a_recording_serves_all_places()
    {
        using var run = new EditedRun("cpu512");
        using var folder = new TemporaryFolder();
        float[] values = Numbers.Normal(4, 3 * 5 * 20);
        var writer = new SafetensorsWriter();
        writer.Add("s", [3, 5, 20], values);
        writer.AddInts("lengths", [3], new[] { 5, 1, 4 });
        writer.Save(folder["t.safetensors"]);
        NpyFile.Write(folder["one.npy"], [1, 5, 20], values.AsMemory(0, 100));
        foreach ((string value, int at) in new[]
        {
            ("""{"file":"t.safetensors","tensor":"s","row":2,"position":-1}""", 2 * 5 + 3),
            ("""{"file":"t.safetensors","tensor":"s","row":1,"position":0}""", 5),
            ("""{"file":"one.npy","row":0,"position":-2}""", 3),
        })
        {
            Edit edit = Read(folder,
                $$"""{"site":"blocks.0.hook_resid_post","op":"replace","value":{{value}}}""");
            float[] found = run.Forward(edit)[Stream].ToArray();
            Assert.That(found[..20], Is.EqualTo(values[(at * 20)..((at + 1) * 20)]), value);
            Assert.That(found[80..100], Is.EqualTo(values[(at * 20)..((at + 1) * 20)]), value);
        }
    }

    [TestCase("""{"file":"t.safetensors","tensor":"s","row":2,"position":4}""", "row 2 has no position 4")]
    [TestCase("""{"file":"t.safetensors","tensor":"s","row":3,"position":0}""", "row 3 does not exist")]
    [TestCase("""{"file":"t.safetensors","tensor":"s","row":0}""", "go together")]
    [TestCase("""{"file":"t.safetensors","tensor":"v","row":0,"position":0}""", "[B, T, ...]")]
    [TestCase("""{"file":"three.npy","row":0,"position":-1}""", "says no lengths")]
    [TestCase("""{"file":"three.npy","tensor":"s"}""", "leave tensor out")]
    [TestCase("""{"file":"nan.npy"}""", "nan.npy: holds NaN at [1]; 1 of its 2 numbers is not finite")]
    [TestCase("""{"file":"wide.npy"}""", "shape [1, 5, 21]")]
    [TestCase("""{"file":"none.npy"}""", "no such file")]
    [TestCase("""{"mean_of":"none.txt"}""", "no such file")]
    [TestCase("""{"mean_of":""}""", "empty")]
    [TestCase("""{"mean_of":"x","file":"y"}""", "value needs")]
    [TestCase("""{"unembed":"a text"}""", "no tokenizer")]
    [TestCase("""{"embed":["a",1]}""", "embed has")]
    [TestCase("1e39", "expected a number")]
    [TestCase("true", "expected a number, a list of numbers")]
    public void A_value_that_cannot_be_had_is_refused_in_one_line(string value, string words)
    {
        using var test = new TestModel("cpu512");
        using var folder = new TemporaryFolder();
        var writer = new SafetensorsWriter();
        writer.Add("s", [3, 5, 20], new float[300]);
        writer.Add("v", [20], new float[20]);
        writer.AddInts("lengths", [3], new[] { 5, 1, 4 });
        writer.Save(folder["t.safetensors"]);
        NpyFile.Write(folder["three.npy"], [3, 5, 20], new float[300]);
        NpyFile.Write(folder["nan.npy"], [2], new[] { 1, float.NaN });
        NpyFile.Write(folder["wide.npy"], [1, 5, 21], new float[105]);
        BadInput.Refused(() => test.Model.Attach(Read(folder,
            $$"""{"site":"blocks.0.hook_resid_post","op":"add","value":{{value}}}""")), words);
    }

    [TestCase("""{"mean_of":"data.json","sha256":"HASH"}""")]
    [TestCase("""{"file":"data.npy","sha256":"HASH"}""")]
    public void A_recorded_hash_is_that_of_the_file_or_the_spec_is_refused(string value)
    {
        using var folder = new TemporaryFolder();
        folder.Write("data.json", "[[1,2]]");
        NpyFile.Write(folder["data.npy"], [20], new float[20]);
        string hash = FileHash.Sha256(folder[value.Contains("npy") ? "data.npy" : "data.json"]);
        Edit With(string recorded) => Read(folder,
            $$"""{"site":"hook_embed","op":"add","value":{{value.Replace("HASH", recorded)}}}""");
        Assert.That(EditSpec.ToJson([With(hash)], folder.Path).ToJsonString(),
            Does.Contain($"\"sha256\":\"{hash}\""));
        BadInput.Refused(() => With(hash[1..] + "0"),
            "has the SHA-256 " + hash, "the spec was made with");
    }

    [Test]
    public void Texts_are_the_ids_that_the_tokenizer_makes_of_them()
    {
        using var folder = new TemporaryFolder();
        string spec = folder.Write("spec.json", """
            {"edits":[{"site":"hook_embed","op":"add","value":{"unembed":"abc"}},
              {"site":"hook_embed","op":"add","value":{"embed":["a","cb"]}}]}
            """);
        IReadOnlyList<Edit> edits = EditSpec.Read(spec, text => [.. text.Select(c => c - 'a')]);
        Assert.That(((EmbeddingValue)edits[0].Value!).Tokens, Is.EqualTo((int[])[0, 1, 2]));
        Assert.That(((EmbeddingValue)edits[1].Value!).Tokens, Is.EqualTo((int[])[0, 2, 1]));
        Assert.That(EditSpec.ToJson(edits).ToJsonString(), Does.Contain("""{"unembed":[0,1,2]}"""));
    }

    [Test]
    public void New_fields_are_written_as_they_are_read()
    {
        using var folder = new TemporaryFolder();
        folder.Write("data.json", "[[1,2]]");
        NpyFile.Write(folder["x.npy"], [1, 1, 20], new float[20]);
        const string text = """
            {"edits":[
              {"site":"blocks.0.attn.hook_z","op":"zero","heads":[0,2],"positions":[-2,3]},
              {"site":"blocks.0.mlp.hook_post","op":"replace","neurons":[3,5],"value":0.5,
                "positions":{"from":-3}},
              {"site":"hook_embed","op":"replace","value":{"mean_of":"data.json"}},
              {"site":"hook_embed","op":"add","value":{"file":"x.npy"}},
              {"site":"hook_embed","op":"add","value":{"file":"x.npy","row":0,"position":-1}}
            ]}
            """;
        EditSpec.Write(folder["again.json"], EditSpec.Read(folder.Write("spec.json", text)));
        using JsonDocument expected = JsonDocument.Parse(text),
            written = JsonDocument.Parse(File.ReadAllText(folder["again.json"]));
        Assert.That(JsonElement.DeepEquals(written.RootElement, expected.RootElement), Is.True,
            File.ReadAllText(folder["again.json"]));
    }

    [Test]
    public void A_mean_is_taken_over_all_tokens_of_a_data_set()
    {
        using var run = new EditedRun("cpu512");
        using var folder = new TemporaryFolder();
        LanguageModel model = run.Test.Model;
        int[][] data = [.. Enumerable.Range(0, 11).Select(i => run.Test.Tokens(90 + i, 1 + i))];
        string file = folder.Write("data.json", JsonSerializer.Serialize(data));
        IReadOnlyList<Edit> edits = EditMeans.Find(model,
        [
            new Edit
            {
                Site = "blocks.*.attn.hook_z", Operation = EditOperation.Replace, Heads = [1, 2],
                Value = EditValue.MeanOf(file),
            },
        ], null, bos: 3);
        Assert.That(edits.Select(e => e.Site.Text),
            Is.EqualTo((string[])["blocks.0.attn.hook_z", "blocks.1.attn.hook_z"]));
        int[][] rows = [.. data.Select(d => (int[])[3, .. d])];
        double[] exact = new double[20];
        foreach (int[] row in rows)
        {
            double[] z = Reference.Gpt2Reference.Forward(run.Test.Sizes, run.Test.Exact, row)
                ["blocks.1.attn.hook_z"];
            for (int i = 0; i < z.Length; i++)
                exact[i % 20] += z[i] / rows.Sum(r => r.Length);
        }
        float[] mean = ((InlineValue)edits[1].Value!).Values;
        for (int i = 0; i < 20; i++)
            Assert.That(mean[i], Is.EqualTo(exact[i]).Within(2e-6), $"{i}");
        float[] found = run.Forward([.. edits])[new Site(SiteKind.Z, 1)].ToArray();
        Assert.That(found[5..15], Is.EqualTo(mean[5..15]));
    }

    // At padding z is 0, so the mean of z cannot tell whether padding counts; the stream's can.
    [Test]
    public void Padding_counts_in_no_mean()
    {
        using var test = new TestModel("cpu512");
        using var folder = new TemporaryFolder();
        int[][] rows = [[3, 1, 2, 9, 4], [5], [6, 7]];
        var edit = new Edit
        {
            Site = "blocks.1.hook_resid_post", Operation = EditOperation.Replace,
            Value = EditValue.MeanOf(folder.Write("data.json", JsonSerializer.Serialize(rows))),
        };
        float[] mean = ((InlineValue)EditMeans.Find(test.Model, [edit], null, null)[0].Value!).Values;
        double[][] stream = [.. rows.SelectMany(row => Reference.Gpt2Reference.Forward(
            test.Sizes, test.Exact, row)["blocks.1.hook_resid_post"].Chunk(20))];
        for (int i = 0; i < 20; i++)
            Assert.That(mean[i], Is.EqualTo(stream.Average(h => h[i])).Within(1e-5), $"{i}");
    }

    [Test]
    public void A_text_that_begins_with_the_token_keeps_one_in_a_mean()
    {
        using var test = new TestModel("cpu512");
        using var folder = new TemporaryFolder();
        float[] Mean(string rows, int? bos) => ((InlineValue)EditMeans.Find(test.Model,
        [
            new Edit
            {
                Site = "blocks.1.hook_resid_post", Operation = EditOperation.Replace,
                Value = EditValue.MeanOf(folder.Write("data.json", rows)),
            },
        ], null, bos)[0].Value!).Values;
        float[] once = Mean("[[3,1,2],[3,4]]", bos: null);
        Assert.That(Mean("[[3,1,2],[3,4]]", bos: 3), Is.EqualTo(once));
        Assert.That(Mean("[[1,2],[3,4]]", bos: 3), Is.EqualTo(once));
        Assert.That(Mean("[[3,3,1,2],[3,3,4]]", bos: null), Is.Not.EqualTo(once));
    }

    [Test]
    public void A_mean_of_nothing_or_of_patterns_is_refused()
    {
        using var test = new TestModel("cpu512");
        using var folder = new TemporaryFolder();
        Edit Mean(string name, string text, string site) => new()
        {
            Site = site, Operation = EditOperation.Replace,
            Value = EditValue.MeanOf(folder.Write(name, text)),
        };
        void Refused(Edit edit, string words)
            => BadInput.Refused(() => EditMeans.Find(test.Model, [edit], null, null), words);
        Refused(Mean("a.json", "[[]]", "hook_embed"), "row 0 is empty");
        Refused(Mean("a.json", "[[40]]", "hook_embed"), "token id 40");
        Refused(Mean("a.txt", "a", "hook_embed"), "texts need a tokenizer");
        Refused(Mean("a.json", "[[1]]", "blocks.0.attn.hook_pattern"), "as long as their texts");
    }

    static Edit Read(TemporaryFolder folder, string edit)
        => EditSpec.Read(folder.Write("spec.json", $$"""{"edits":[{{edit}}]}"""))[0];
}
