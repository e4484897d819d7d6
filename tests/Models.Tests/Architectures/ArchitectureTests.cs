using HeadTap.Runtime;

namespace HeadTap.Models.Tests;

/// <summary>A second architecture, of which only its description is known, computes what GPT-2
/// does.</summary>
public sealed class ArchitectureTests
{
    static readonly ModelConfig Gpt2Form = TestModel.Small with
    {
        TiedHead = false, HeadBias = true, BosToken = 3, ResidualDropout = 0.25f,
    };

    static readonly ModelConfig OtherForm = Gpt2Form with { Architecture = OtherArchitecture.Value };

    [Test]
    public void A_folder_of_another_architecture_gives_the_bits_of_the_same_numbers_in_GPT2s_form()
    {
        using var folder = new TemporaryFolder();
        using var gpt2 = new TestModel("cpu512", Gpt2Form);
        using (var other = new TestModel("cpu512", OtherForm))
            other.Model.Save(folder["model"]);
        using LanguageModel loaded = LanguageModel.Load(
            gpt2.Model.Device, folder["model"], [Gpt2.Architecture, OtherArchitecture.Value]);

        Assert.That(loaded.Config, Is.EqualTo(OtherForm));
        foreach (ParameterSlice slice in loaded.Parameters.Slices)
            Assert.That(loaded.Set[slice.Name].ToArray(),
                Is.EqualTo(gpt2.Model.Set[slice.Role, slice.Layer].ToArray()), slice.Name);
        Site[] sites = [.. Site.All(OtherForm)];
        Assert.That(sites, Is.EqualTo(Site.All(Gpt2Form)));
        (Dictionary<Site, float[]> values, Dictionary<Site, float[]> gradients, float[][] parameters) =
            Run(gpt2.Model, gpt2, sites);
        (Dictionary<Site, float[]> Values, Dictionary<Site, float[]> Gradients, float[][] Parameters) found =
            Run(loaded, gpt2, sites);
        Assert.That(found.Values, Is.EqualTo(values));
        Assert.That(found.Gradients, Is.EqualTo(gradients));
        Assert.That(found.Parameters, Is.EqualTo(parameters));
        Assert.That(Numbers(WeightProcessing.TransformerLens(loaded)),
            Is.EqualTo(Numbers(WeightProcessing.TransformerLens(gpt2.Model))));
    }

    [Test]
    public void A_written_folder_has_the_names_keys_and_order_of_its_architecture()
    {
        using var folder = new TemporaryFolder();
        using var other = new TestModel("cpu512", OtherForm);
        other.Model.Save(folder["model"]);
        using (SafetensorsReader file = SafetensorsReader.Open(folder["model/model.safetensors"]))
        {
            Assert.That(file.Entries.Select(e => e.Name), Is.EquivalentTo(
                other.Model.Parameters.Slices.Select(s => s.Name.StartsWith("readout",
                    StringComparison.Ordinal)
                    ? s.Name : "model." + s.Name)));
            (int C, int I, int D) = (OtherForm.Width, OtherForm.Inner, OtherForm.HeadWidth);
            float[] up = Read(file, "model.layers.1.mlp.up", [I, C]);
            float[] inMemory = other.Model.Weights.Layers[1].MlpInWeight.ToArray();
            Assert.That(up[5 * C + 3], Is.EqualTo(inMemory[3 * I + 5]));
            // Row 3D h + D + d is key d of head h.
            float[] qkv = Read(file, "model.layers.0.attention.all", [3 * C, C]);
            float[] memory = other.Model.Weights.Layers[0].QkvWeight.ToArray();
            Assert.That(qkv[(2 * 3 * D + D + 4) * C + 7], Is.EqualTo(memory[7 * 3 * C + C + 2 * D + 4]));
            float[] bias = Read(file, "model.layers.0.attention.all_shift", [3 * C]);
            Assert.That(bias[3 * 3 * D + 2 * D + 1],
                Is.EqualTo(other.Model.Weights.Layers[0].QkvBias.ToArray()[2 * C + 3 * D + 1]));
        }
        Assert.That(File.ReadAllText(folder["model/config.json"]),
            Does.Contain("\"hidden_size\": 20").And.Contain("\"model_type\": \"other\"")
                .And.Not.Contain("n_embd").And.Not.Contain("GPT2"));
        BadInput.Refused(() => LanguageModel.Load(other.Model.Device, folder["model"]).Dispose(),
            "model_type", "other", "gpt2");
    }

    [Test]
    public void An_architecture_without_learned_positions_is_GPT2_with_positions_of_zero()
    {
        var placeless = new Architecture
        {
            ModelType = "placeless", GlobExample = "", BlockName = "layers",
            Config = OtherArchitecture.Value.Config,
            Parameters = [.. OtherArchitecture.Value.Parameters.Where(p => p.Role != Role.PositionEmbedding)],
        };
        using var gpt2 = new TestModel("cpu512", Gpt2Form);
        Tensor positions = gpt2.Model.Set[Role.PositionEmbedding];
        positions.Upload(new float[positions.Length]);
        using var other = new TestModel("cpu512", Gpt2Form with { Architecture = placeless });
        foreach (ParameterSlice slice in other.Model.Parameters.Slices)
            other.Model.Set[slice.Name].Upload(gpt2.Model.Set[slice.Role, slice.Layer].ToArray());
        Assert.That(() => Site.Match("hook_pos_embed", other.Model.Config), Throws.TypeOf<UserException>());
        Site[] sites = [.. Site.All(other.Model.Config)];
        Assert.That(sites, Is.EqualTo(Site.All(Gpt2Form).Where(s => s.Kind != SiteKind.PosEmbed)));
        var (values, gradients, _) = Run(gpt2.Model, gpt2, sites);
        var found = Run(other.Model, gpt2, sites);
        Assert.That(found.Item1, Is.EqualTo(values));
        Assert.That(found.Item2, Is.EqualTo(gradients));
    }

    [Test]
    public void Sites_parse_in_the_words_of_any_known_architecture()
    {
        Assert.That(Site.Parse("blocks.3.attn.hook_z"), Is.EqualTo(Site.Z(3)));
        Assert.That(Site.Parse(" transformer.h.11.attn.c_proj.input "), Is.EqualTo(Site.Z(11)));
        Assert.That(Site.Parse("wte"), Is.EqualTo(Site.Embed));
        foreach (Site site in Site.All(Gpt2Form))
            Assert.That(Site.Parse(site.Name), Is.EqualTo(site));
        foreach (string wrong in (string[])["blocks.*.attn.hook_z", "hook_z", "", "blocks.01.hook_mlp_out"])
            BadInput.Refused(() => Site.Parse(wrong), "not one site");
        Assert.That(Site.Match("layers.1.attention.dense.input", OtherForm), Is.EqualTo(new[] { Site.Z(1) }));
        BadInput.Refused(() => Site.Match("h.1.attn", OtherForm), "matches nothing");
        Assert.That(((SitePattern)Site.Z(1)).In(Gpt2Form), Is.EqualTo(new[] { Site.Z(1) }));
        Assert.That(((SitePattern)"blocks.*.attn.hook_z").In(Gpt2Form),
            Is.EqualTo(new[] { Site.Z(0), Site.Z(1) }));
    }

    static (Dictionary<Site, float[]>, Dictionary<Site, float[]>, float[][]) Run(
        LanguageModel model, TestModel tokens, Site[] sites)
    {
        SiteKind[] scales = [SiteKind.Ln1Scale, SiteKind.Ln2Scale, SiteKind.LnFinalScale];
        var batch = new SequenceBatch(tokens.Tokens(1, 9), tokens.Tokens(2, 4));
        using var gradients = ParameterGradients.Create(model);
        using var session = new ModelSession(model, new SessionOptions
        {
            MaxRows = 2, MaxTokens = 9, Backward = true, Record = sites,
            RecordGradients = [.. sites.Where(s => !scales.Contains(s.Kind))],
        });
        session.ForwardBackward(batch, batch.NextTokens(), gradients, 0.5f);
        return (session.Recordings.ToDictionary(r => r.Key, r => r.Value.ToArray()),
            session.SiteGradients.ToDictionary(r => r.Key, r => r.Value.ToArray()),
            [.. model.Parameters.Slices.Select(s => gradients.Set[s.Name].ToArray())]);
    }

    static float[][] Numbers(LanguageModel model)
    {
        using (model)
            return [.. model.Parameters.Slices.Select(s => model.Set[s.Name].ToArray())];
    }

    static float[] Read(SafetensorsReader file, string name, long[] shape)
    {
        Assert.That(file.Find(name).Shape, Is.EqualTo(shape), name);
        float[] values = new float[file.Find(name).Length];
        file.Read(name, values);
        return values;
    }
}
