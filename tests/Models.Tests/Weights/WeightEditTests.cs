using HeadTap.Runtime;

namespace HeadTap.Models.Tests;

/// <summary>Edits come and go by bits, whatever values they make.</summary>
public sealed class WeightEditTests
{
    static readonly ModelConfig s_config = new()
    {
        VocabSize = 11, ContextLength = 5, Width = 6, Layers = 1, Heads = 2, Inner = 10,
    };

    [Test]
    public void Any_bits_are_taken_back_and_made_again()
    {
        string file = Path.Combine(TestContext.CurrentContext.WorkDirectory, "edit-any.safetensors");
        using ComputeDevice device = ComputeDevice.OpenHost();
        using var model = new LanguageModel(device, s_config);
        model.Initialize(2);
        string parent = WeightHash.Of(model);
        WeightSnapshot before = WeightSnapshot.Of(model);
        // few elements, all of them, and values that arithmetic would not bring back
        Change(model, "h.0.mlp.c_fc.weight", v => (v[3], v[59]) = (float.NaN, -0f));
        Change(model, "ln_f.bias", v => Array.Fill(v, float.NegativeInfinity));
        Change(model, "wte.weight", v => v[0] = 1e30f);
        WeightEdit edit = WeightEdit.Between(before, parent, model);
        Assert.That(edit.Elements, Is.EqualTo(2 + 6 + 1));
        string edited = WeightHash.Of(model);
        Assert.That(edited, Is.EqualTo(edit.Edited).And.Not.EqualTo(parent));
        edit.Save(file);
        WeightEdit read = WeightEdit.Load(file);
        read.Apply(model, "m", undo: true);
        Assert.That(WeightHash.Of(model), Is.EqualTo(parent));
        read.Apply(model, "m", undo: false);
        Assert.That(WeightHash.Of(model), Is.EqualTo(edited));
        Assert.That(() => read.Apply(model, "m", undo: false),
            Throws.TypeOf<UserException>().With.Message.Contains("expected the edit's parent"));
        File.Delete(file);
    }

    [Test]
    public void Another_config_of_the_same_weights_is_named()
    {
        string file = Path.Combine(TestContext.CurrentContext.WorkDirectory, "edit-config.safetensors");
        using ComputeDevice device = ComputeDevice.OpenHost();
        using var model = new LanguageModel(device, s_config);
        model.Initialize(2);
        string parent = WeightHash.Of(model);
        WeightSnapshot before = WeightSnapshot.Of(model);
        Change(model, "ln_f.bias", v => v[1] = 3);
        WeightEdit.Between(before, parent, model).Save(file);
        WeightEdit edit = WeightEdit.Load(file);
        foreach ((ModelConfig config, string differs) in ((ModelConfig, string)[])
            [(s_config with { Activation = Activation.Relu },
                "activation_function is relu here and gelu_new there"),
            (s_config with { Heads = 3 }, "n_head is 3 here and 2 there"),
            (s_config with { Heads = 6 }, "n_head is 6 here and 2 there"),
            (s_config with { ScaleAttention = false, ScaleAttentionByLayer = true },
                "scale_attn_weights is false here and true there, scale_attn_by_inverse_layer_idx is true "
                + "here and false there"),
            (s_config with { LayerNormEpsilon = 1e-6f },
                "layer_norm_epsilon is 1e-06 here and 1e-05 there")])
        {
            using var twin = new LanguageModel(device, config);
            twin.Initialize(2);
            BadInput.Refused(() => edit.Apply(twin, "m", undo: false),
                $"m: its weights are those the edit was made from, but its config.json differs: {differs};");
            Change(twin, "ln_f.bias", v => v[1] = 3);
            BadInput.Refused(() => edit.Apply(twin, "m", undo: true), "those that the edit made, but",
                differs);
            BadInput.Refused(() => edit.Apply(twin, "m", undo: false), "expected the edit's parent");
        }
        File.Delete(file);
    }

    [Test]
    public void A_hash_tells_names_and_bits_apart()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using var model = new LanguageModel(device, s_config);
        string zero = WeightHash.Of(model);
        Change(model, "ln_f.bias", v => v[5] = -0f);
        Assert.That(WeightHash.Of(model), Is.Not.EqualTo(zero));
        using var other = new LanguageModel(device, s_config with { VocabSize = 5, ContextLength = 11 });
        Assert.That(WeightHash.Of(other), Is.Not.EqualTo(zero));
    }

    static void Change(LanguageModel model, string parameter, Action<float[]> change)
    {
        float[] values = model.Set[parameter].ToArray();
        change(values);
        model.Set[parameter].Upload(values);
    }
}
