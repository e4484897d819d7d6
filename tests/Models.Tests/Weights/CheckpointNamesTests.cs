namespace HeadTap.Models.Tests;

/// <summary>Checkpoints as other programs name and store them: read to the bit, or called by their
/// name.</summary>
sealed class CheckpointNamesTests
{
    static readonly ModelConfig Tiny = ModelConfig.Tiny;
    static readonly float[] Values = Numbers(Tiny);

    static float[] Numbers(ModelConfig config)
    {
        float[] values = new float[new ParameterLayout(config).TotalLength];
        new SeededRandom(4).FillNormal(values, 0.02f);
        return values;
    }

    sealed record Tensor(string Name, int[] Shape, float[] Values);

    static List<Tensor> Tensors(ModelConfig? config = null, float[]? values = null)
        => [.. new ParameterLayout(config ?? Tiny)
            .Slices.Select(s => new Tensor("transformer." + s.Name, s.Shape,
            (values ?? Values).AsSpan((int)s.Offset, (int)s.Length).ToArray()))];

    static void Write(TemporaryFolder folder, IEnumerable<Tensor> tensors, ModelConfig? config = null)
    {
        var writer = new SafetensorsWriter();
        foreach (Tensor t in tensors)
            writer.Add(t.Name, t.Shape, t.Values);
        writer.Save(folder["model.safetensors"]);
        (config ?? Tiny).Write(folder["config.json"]);
    }

    static float[] Read(TemporaryFolder folder)
    {
        ModelConfig config = ModelFolder.ReadConfig(folder.Path);
        float[] values = new float[new ParameterLayout(config).TotalLength];
        ModelFolder.ReadParameters(folder.Path, config, values);
        float[] pieces = new float[values.Length];
        ModelFolder.ReadPieces(folder.Path, config,
            (slice, start, piece) => piece.CopyTo(pieces.AsSpan((int)(slice.Offset + start))));
        Assert.That(pieces, Is.EqualTo(values));
        return values;
    }

    static Tensor Named(Tensor t, Func<string, string> name) => t with { Name = name(t.Name) };

    [TestCase("")]
    [TestCase("module.")]
    public void A_tied_head_without_the_embedding_is_the_embedding(string prefix)
    {
        using TemporaryFolder folder = new(), again = new();
        Write(folder, Tensors().Select(t => Named(t, n => prefix
            + (n == "transformer.wte.weight" ? "lm_head.weight" : n))));
        Assert.That(Read(folder), Is.EqualTo(Values));
        Assert.That(ModelFolder.Remarks(folder.Path),
            Is.EqualTo([$"{folder.Path}: lm_head.weight is read as the token embedding, to which it is tied; "
                + "there is no wte.weight"]));
        ModelConfig config = ModelFolder.ReadConfig(folder.Path);
        Assert.That(config.TiedHead, Is.True);
        ModelFolder.Write(again.Path, config, Values);
        Assert.That(ModelFolder.Remarks(again.Path), Is.Empty);
        config = config with { TiedHead = false };
        config.Write(folder["config.json"]);
        BadInput.Refused(() => ModelFolder.Check(folder.Path), "missing \"wte.weight\"");
    }

    [TestCase("_orig_mod.")]
    [TestCase("module.")]
    [TestCase("model.")]
    [TestCase("module._orig_mod.")]
    [TestCase("pretrained_model.")]
    public void A_common_prefix_is_taken_off(string prefix)
    {
        foreach (bool bare in (bool[])[false, true])
        {
            using var folder = new TemporaryFolder();
            Write(folder, [.. Tensors().Select(t => Named(t, n => prefix
                + (bare ? n["transformer.".Length..] : n))),
                    new(prefix + "lm_head.weight", [61, 32], new float[1952])]);
            ModelConfig config = ModelFolder.ReadConfig(folder.Path);
            Assert.That(config, Is.EqualTo(Tiny with { TiedHead = false }), "the head differs");
            Assert.That(Read(folder)[..Values.Length], Is.EqualTo(Values));
        }
    }

    [Test]
    public void Two_models_in_one_file_are_refused()
    {
        using var folder = new TemporaryFolder();
        Write(folder, [.. Tensors().Select(t => Named(t, n => "policy." + n)),
            .. Tensors().Select(t => Named(t, n => "old_policy." + n))]);
        BadInput.Refused(() => Read(folder), "\"policy.transformer.wte.weight\"");
    }

    [Test]
    public void Heads_of_other_tasks_are_passed_over_with_a_remark()
    {
        using var folder = new TemporaryFolder();
        Write(folder, [.. Tensors(), new("score.weight", [2, 32], new float[64]),
            new("v_head.summary.bias", [1], new float[1])]);
        Assert.That(Read(folder), Is.EqualTo(Values));
        Assert.That(ModelFolder.Remarks(folder.Path).Single(),
            Does.Contain("score.weight").And.Contain("v_head.summary.bias").And.Contain("another task"));
        Write(folder, [.. Tensors(), new("transformer.h.0.attn.c_attn.lora_A", [2, 32], new float[64])]);
        BadInput.Refused(() => Read(folder), "unexpected \"transformer.h.0.attn.c_attn.lora_A\"");
    }

    [TestCase(true)]
    [TestCase(false)]
    public void A_model_without_biases_has_biases_of_zero(bool norms)
    {
        bool Absent(string name) => name.EndsWith(".bias", StringComparison.Ordinal)
            && (norms || !name.Contains("ln_", StringComparison.Ordinal));
        using var folder = new TemporaryFolder();
        Write(folder, Tensors().Where(t => !Absent(t.Name)));
        float[] read = Read(folder);
        foreach (ParameterSlice slice in new ParameterLayout(Tiny).Slices)
            Assert.That(read.AsSpan((int)slice.Offset, (int)slice.Length).ToArray(), Is.EqualTo(
                Absent(slice.Name) ? new float[slice.Length]
                    : Values.AsSpan((int)slice.Offset, (int)slice.Length).ToArray()), slice.Name);
        Assert.That(ModelFolder.Remarks(folder.Path).Single(), Does.Contain("no biases of matrices")
            .And.Contain("0"));
    }

    [TestCase("ln_f.bias")]
    [TestCase("h.1.mlp.c_proj.bias")]
    public void One_bias_that_is_missing_is_missing(string name)
    {
        using var folder = new TemporaryFolder();
        Write(folder, Tensors().Where(t => !t.Name.EndsWith(name, StringComparison.Ordinal)));
        BadInput.Refused(() => Read(folder), $"missing \"{name}\"");
    }

    [Test]
    public void Matrices_of_torch_linear_are_turned_the_square_ones_too()
    {
        using var folder = new TemporaryFolder();
        Write(folder, Tensors().Select(t => t.Shape.Length == 2
            && t.Name.Contains(".h.", StringComparison.Ordinal)
            ? t with { Shape = [t.Shape[1], t.Shape[0]], Values = Turned(t) } : t));
        Assert.That(Read(folder), Is.EqualTo(Values));
        Assert.That(ModelFolder.Remarks(folder.Path).Single(), Does.Contain("nanoGPT"));
    }

    static float[] Turned(Tensor t)
    {
        (int rows, int columns) = (t.Shape[0], t.Shape[1]);
        return [.. Enumerable.Range(0, rows * columns).Select(i => t.Values[i % rows * columns + i / rows])];
    }

    [Test]
    public void A_head_that_is_the_embedding_is_tied_and_another_is_used_and_saved()
    {
        using var folder = new TemporaryFolder();
        float[] embedding = Values[..(61 * 32)], other = [.. embedding.Select(v => v + 1)];
        Write(folder, [.. Tensors(), new("lm_head.weight", [61, 32], embedding)]);
        Assert.That(ModelFolder.ReadConfig(folder.Path).TiedHead);
        Assert.That(ModelFolder.Remarks(folder.Path), Is.Empty);
        other[^1] = embedding[^1];
        Write(folder, [.. Tensors(), new("lm_head.weight", [61, 32], other)]);
        ModelConfig config = ModelFolder.ReadConfig(folder.Path);
        Assert.That(config, Is.EqualTo(Tiny with { TiedHead = false }));
        Assert.That(Read(folder)[^other.Length..], Is.EqualTo(other));
        string remark = "lm_head.weight differs from the token embedding, to which ";
        Assert.That(ModelFolder.Remarks(folder.Path).Single(), Does.Contain(remark + "config.json ties it;"));
        string silent = File.ReadAllText(folder["config.json"]), said = "\"tie_word_embeddings\": true,";
        Assert.That(silent, Does.Contain(said));
        folder.Write("config.json", silent.Replace(said, "", StringComparison.Ordinal));
        Assert.That(ModelFolder.Remarks(folder.Path).Single(),
            Does.Contain(remark + "it is tied where config.json has no tie_word_embeddings;"));
        ModelFolder.Write(folder["again"], config, Read(folder));
        Assert.That(ModelFolder.ReadConfig(folder["again"]), Is.EqualTo(config));
        Assert.That(ModelFolder.Remarks(folder["again"]), Is.Empty);
        Write(folder, [.. Tensors(), new("lm_head.weight", [64, 32], new float[2048])]);
        BadInput.Refused(() => Read(folder), "lm_head.weight", "expected [61, 32]");
    }

    [TestCase("transformer.h.0.attn.c_attn.qweight")]
    [TestCase("transformer.h.0.attn.c_attn.weight.absmax")]
    public void A_quantised_checkpoint_is_called_one(string name)
    {
        using var folder = new TemporaryFolder();
        Write(folder, [.. Tensors(), new(name, [8], new float[8])]);
        BadInput.Refused(() => Read(folder), "quantised", name);
    }

    [Test]
    public void Doubles_are_rounded_to_floats()
    {
        using var folder = new TemporaryFolder();
        double[] values = [1.0 / 3, -1e-50, 1e300];
        string header = """{"x":{"dtype":"F64","shape":[3],"data_offsets":[0,24]}}""";
        folder.Write("f", [.. BitConverter.GetBytes((long)header.Length),
            .. System.Text.Encoding.ASCII.GetBytes(header), .. values.SelectMany(BitConverter.GetBytes)]);
        using SafetensorsReader reader = SafetensorsReader.Open(folder["f"]);
        float[] read = new float[3];
        reader.Read("x", read);
        Assert.That(read, Is.EqualTo(new[] { 1f / 3, -0f, float.PositiveInfinity }));
        BadInput.Refused(() => reader.RequireFinite("x", read), "infinity at [2]", "1 of its 3", "float32");
    }
}
