using System.Security.Cryptography;

namespace HeadTap.Models.Tests;

/// <summary>Model folders: what is written comes back, every form of the format is read, misfits are one
/// line.</summary>
sealed class ModelFolderTests
{
    static readonly ModelConfig Untied = ModelConfig.Tiny with { TiedHead = false, Inner = 96,
        VocabSize = 67 };

    static float[] Numbers(ModelConfig config)
    {
        var random = new SeededRandom(1);
        float[] values = new float[new ParameterLayout(config).TotalLength];
        random.FillNormal(values, 0.02f);
        return values;
    }

    static float[] Read(string dir, ModelConfig config)
    {
        float[] values = new float[new ParameterLayout(config).TotalLength];
        ModelFolder.ReadParameters(dir, config, values);
        return values;
    }

    // A checkpoint with the names that rename gives; null leaves a tensor out.
    static void WriteAs(string path, ModelConfig config, float[] values, Func<string, string?> rename,
        params (string Name, int[] Shape)[] more)
    {
        var writer = new SafetensorsWriter();
        foreach (ParameterSlice slice in new ParameterLayout(config).Slices)
            if (rename(slice.Name) is string name)
                writer.Add(name, slice.Shape, values.AsMemory((int)slice.Offset, (int)slice.Length));
        foreach ((string name, int[] shape) in more)
            writer.Add(name, shape, new float[shape.Aggregate(1, (p, e) => p * e)]);
        writer.Save(path);
    }

    [Test]
    public void A_folder_comes_back_bit_for_bit_with_its_tokenizer([Values] bool tied)
    {
        using var folder = new TemporaryFolder();
        ModelConfig config = tied ? ModelConfig.Tiny : Untied;
        Directory.CreateDirectory(folder["from"]);
        folder.Write("from/vocab.json", "{}");
        folder.Write("from/merges.txt", "#version: 0.2\n");
        folder.Write("from/other.txt", "");
        float[] values = Numbers(config);
        ModelFolder.Write(folder["to"], config, values, tokenizerFrom: folder["from"]);

        Assert.That(ModelFolder.ReadConfig(folder["to"]), Is.EqualTo(config));
        Assert.That(Read(folder["to"], config), Is.EqualTo(values));
        Assert.That(Directory.GetFiles(folder["to"]).Select(Path.GetFileName).Order(), Is.EqualTo(new[]
        {
            "config.json", "merges.txt", "model.safetensors", "vocab.json",
        }));
        using var file = SafetensorsReader.Open(folder["to/model.safetensors"]);
        Assert.That(file.Metadata["format"], Is.EqualTo("pt"));
        Assert.That(file.Contains("transformer.h.0.attn.c_attn.weight"));
        Assert.That(file.Contains("lm_head.weight"), Is.EqualTo(!tied));
        Assert.That(ModelFolder.Hash(folder["to"]), Is.EqualTo(Convert.ToHexStringLower(
            SHA256.HashData(File.ReadAllBytes(folder["to/model.safetensors"])))));
    }

    [Test]
    public void Pieces_and_destinations_give_the_same_numbers()
    {
        // wte has 300,000 elements: more than one piece, and not a whole number of pieces.
        ModelConfig config = ModelConfig.Tiny with { VocabSize = 9375 };
        float[] values = Numbers(config), pieces = new float[values.Length], spans = new float[values.Length];
        using var folder = new TemporaryFolder();
        ModelFolder.Write(folder["m"], config,
            (slice, start, piece) => values.AsSpan((int)(slice.Offset + start), piece.Length).CopyTo(piece));
        ModelFolder.ReadPieces(folder["m"], config,
            (slice, start, piece) => piece.CopyTo(pieces.AsSpan((int)(slice.Offset + start))));
        ModelFolder.ReadParameters(folder["m"], config,
            slice => spans.AsSpan((int)slice.Offset, (int)slice.Length));
        Assert.That(pieces, Is.EqualTo(values));
        Assert.That(spans, Is.EqualTo(values));
        ModelFolder.Write(folder["flat"], config, values);
        Assert.That(ModelFolder.Hash(folder["flat"]), Is.EqualTo(ModelFolder.Hash(folder["m"])));
    }

    [Test]
    public void Sixteen_bit_weights_are_read_as_what_they_are(
        [Values(SafetensorsDtype.F16, SafetensorsDtype.BF16)] SafetensorsDtype dtype)
    {
        using var folder = new TemporaryFolder();
        float[] values = Numbers(ModelConfig.Tiny);
        ModelFolder.Write(folder["m"], ModelConfig.Tiny, values, dtype);
        float[] once = Read(folder["m"], ModelConfig.Tiny);
        ModelFolder.Write(folder["m"], ModelConfig.Tiny, once, dtype);
        Assert.That(Read(folder["m"], ModelConfig.Tiny), Is.EqualTo(once));
        Assert.That(once, Is.Not.EqualTo(values));
        float bits = dtype == SafetensorsDtype.F16 ? 11 : 8;
        for (int i = 0; i < values.Length; i++) // half a unit in the last place; 2^-25 where F16 is subnormal
            Assert.That(MathF.Abs(once[i] - values[i]),
                Is.LessThanOrEqualTo(MathF.Max(MathF.Abs(values[i]) * MathF.Pow(2, -bits),
                    MathF.Pow(2, -25))));
    }

    [Test]
    public void Names_without_prefix_mask_buffers_and_a_tied_head_are_read()
    {
        using var folder = new TemporaryFolder();
        float[] values = Numbers(ModelConfig.Tiny);
        WriteAs(folder["model.safetensors"], ModelConfig.Tiny, values, name => name,
            ("h.0.attn.bias", [1, 1, 16, 16]), ("h.1.attn.masked_bias", []), ("lm_head.weight", [61, 32]));
        Assert.That(Read(folder.Path, ModelConfig.Tiny), Is.EqualTo(values));
    }

    static float[] WriteShards(TemporaryFolder folder)
    {
        float[] values = Numbers(Untied);
        WriteAs(folder["model-00001-of-00002.safetensors"], Untied, values,
            name => name.StartsWith("h.1", StringComparison.Ordinal) ? null : name);
        WriteAs(folder["model-00002-of-00002.safetensors"], Untied, values,
            name => name.StartsWith("h.1", StringComparison.Ordinal) ? name : null);
        var map = new ParameterLayout(Untied).Slices.Select(s =>
            $"\"{s.Name}\": \"model-0000{(s.Name.StartsWith("h.1.", StringComparison.Ordinal) ? 2 : 1)}"
            + "-of-00002.safetensors\"");
        folder.Write("model.safetensors.index.json",
            """{"metadata":{"total_size":1},"weight_map":{""" + string.Join(",\n", map) + "}}");
        return values;
    }

    [Test]
    public void Sharded_weights_are_read_and_hashed_in_order()
    {
        using var folder = new TemporaryFolder();
        float[] values = WriteShards(folder);
        Assert.That(Read(folder.Path, Untied), Is.EqualTo(values));
        byte[] both = [.. File.ReadAllBytes(folder["model-00001-of-00002.safetensors"]),
            .. File.ReadAllBytes(folder["model-00002-of-00002.safetensors"])];
        Assert.That(ModelFolder.Hash(folder.Path),
            Is.EqualTo(Convert.ToHexStringLower(SHA256.HashData(both))));
    }

    [TestCase("00002-of-00002", "00003-of-00003", "no such file")]
    [TestCase("model-00002-of-00002.safetensors", "../model.safetensors", "beside the index")]
    [TestCase("model-00002-of-00002.safetensors", "/etc/passwd", "beside the index")]
    [TestCase("h.1.ln_1.bias\": \"model-00002", "h.1.ln_1.bias\": \"model-00001", "does not list")]
    [TestCase("h.1.ln_1.bias", "h.1.ln_9.bias", "h.1.ln_1.bias")]
    [TestCase("\"wte.weight\"", "\"h.7.more\": \"model-00001-of-00002.safetensors\", \"wte.weight\"",
        "h.7.more")]
    [TestCase("\"wte.weight\": \"model-00001-of-00002.safetensors\"", "\"wte.weight\": 1",
        "beside the index")]
    [TestCase("weight_map", "weights", "weight_map")]
    [TestCase("\"weight_map\":{", "\"weight_map\":[{", "JSON")]
    [TestCase("\"wte.weight\"", "\"wpe.weight\"", "JSON")]
    public void A_wrong_index_is_refused(string old, string replacement, string word)
    {
        using var folder = new TemporaryFolder();
        WriteShards(folder);
        string path = folder["model.safetensors.index.json"];
        File.WriteAllText(path, File.ReadAllText(path).Replace(old, replacement, StringComparison.Ordinal));
        BadInput.Refused(() => Read(folder.Path, Untied), word);
    }

    [Test]
    public void Missing_unexpected_doubled_and_misshapen_tensors_are_one_line()
    {
        using var folder = new TemporaryFolder();
        float[] values = Numbers(ModelConfig.Tiny);
        WriteAs(folder["model.safetensors"], ModelConfig.Tiny, values,
            name => name is "h.1.ln_1.bias" or "h.1.ln_1.weight" ? null : name,
            ("h.1.ln_1.weight", [33]), ("h.9.mlp.c_fc.bias", [1]), ("transformer.ln_f.bias", [32]));
        BadInput.Refused(() => Read(folder.Path, ModelConfig.Tiny), folder.Path, "missing \"h.1.ln_1.bias\"",
            "unexpected \"h.9.mlp.c_fc.bias\"", "twice", "\"transformer.ln_f.bias\"",
            "\"h.1.ln_1.weight\" F32 [33], expected [32]");
    }

    [Test]
    public void A_transposed_matrix_is_refused_before_anything_is_read()
    {
        using var folder = new TemporaryFolder();
        WriteAs(folder["model.safetensors"], ModelConfig.Tiny, Numbers(ModelConfig.Tiny),
            name => name == "h.0.mlp.c_fc.weight" ? null : name, ("h.0.mlp.c_fc.weight", [128, 32]));
        BadInput.Refused(() => ModelFolder.ReadParameters(folder.Path, ModelConfig.Tiny,
            slice => throw new InvalidOperationException(slice.Name)), "[128, 32], expected [32, 128]");
    }

    [Test]
    public void A_wrong_type_and_a_wrong_config_are_refused()
    {
        using var folder = new TemporaryFolder();
        var writer = new SafetensorsWriter();
        foreach (ParameterSlice slice in new ParameterLayout(ModelConfig.Tiny).Slices)
            if (slice.Name == "wpe.weight")
                writer.AddInts(slice.Name, slice.Shape, new int[slice.Length]);
            else
                writer.Add(slice.Name, slice.Shape, new float[slice.Length]);
        writer.Save(folder["model.safetensors"]);
        BadInput.Refused(() => Read(folder.Path, ModelConfig.Tiny), "wpe.weight", "I32", "expected F32");
        BadInput.Refused(() =>
            Read(folder.Path, ModelConfig.Tiny with { Layers = 3 }), "h.2.ln_1.weight", "and 9 more");
    }

    [Test]
    public void A_folder_that_is_no_model_is_refused()
    {
        using var folder = new TemporaryFolder();
        BadInput.Refused(() => ModelFolder.ReadConfig(folder["none"]), "no such folder");
        BadInput.Refused(() => ModelFolder.ReadConfig(folder.Path), "config.json", "no such file");
        BadInput.Refused(() => ModelFolder.Hash(folder.Path), "model.safetensors");
        folder.Write("pytorch_model.bin", "");
        BadInput.Refused(() => Read(folder.Path, ModelConfig.Tiny), "pytorch_model.bin", "convert");
        folder.Write("model.safetensors", "");
        BadInput.Refused(() => Read(folder.Path, ModelConfig.Tiny), "0 bytes");
    }

    [TestCase("model-00001-of-00002.safetensors", "the index of all parts")]
    [TestCase("adapter_model.safetensors", "an adapter")]
    [TestCase("adapter_model.bin", "an adapter")]
    [TestCase("other.safetensors", "give the file the name model.safetensors")]
    public void Weights_that_are_no_whole_model_are_called_by_their_name(string file, string advice)
    {
        using var folder = new TemporaryFolder();
        ModelConfig.Tiny.Write(folder["config.json"]);
        folder.Write(file, "x");
        BadInput.Refused(() => ModelFolder.Check(folder.Path), file, advice);
    }

    [Test]
    public void A_published_model_that_is_not_there_can_be_fetched()
        => BadInput.Refused(() => ModelFolder.ReadConfig("gpt2"), "headtap weights pull gpt2");

    [Test]
    public void A_failed_write_leaves_the_old_model()
    {
        using var folder = new TemporaryFolder();
        float[] values = Numbers(ModelConfig.Tiny);
        ModelFolder.Write(folder["m"], ModelConfig.Tiny, values);
        string[] files = folder.Files();
        Assert.Throws<InvalidOperationException>(() => ModelFolder.Write(folder["m"], ModelConfig.Tiny,
            (slice, _, _) => { if (slice.Name == "ln_f.bias") throw new InvalidOperationException(); }));
        Assert.That(folder.Files(), Is.EqualTo(files));
        Assert.That(Read(folder["m"], ModelConfig.Tiny), Is.EqualTo(values));
        folder.Write("file", "");
        BadInput.Refused(() => ModelFolder.Write(folder["file"], ModelConfig.Tiny, values), folder["file"]);
    }
}
