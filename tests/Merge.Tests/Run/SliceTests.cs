using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Merge.Tests;

/// <summary>Merges whose layers come from ranges of layers.</summary>
public class SliceTests
{
    static readonly ModelConfig s_config = ModelConfig.Tiny with { Layers = 3 };
    string _folder = "";

    [SetUp]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory("headtap-slices-").FullName;

    [TearDown]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    string At(string name) => Path.Combine(_folder, name);

    float[] Model(string name, int seed, ModelConfig? config = null)
    {
        float[] flat = Tensors.Normal(seed, (int)new ParameterLayout(config ?? s_config).TotalLength);
        ModelFolder.Write(At(name), config ?? s_config, flat);
        return flat;
    }

    MergeConfig Config(string yaml)
        => MergeConfigReader.Parse(yaml.Replace("DIR", _folder, StringComparison.Ordinal), "m.yml");

    (ModelConfig Config, float[] Flat) Merged(string yaml)
    {
        using (var run = new MergeRun(Config(yaml)))
            run.Write(At("out"));
        ModelConfig config = ModelFolder.ReadConfig(At("out"));
        float[] flat = new float[new ParameterLayout(config).TotalLength];
        ModelFolder.ReadParameters(At("out"), config, flat);
        return (config, flat);
    }

    static float[] Part(ModelConfig config, float[] flat, Role role, int layer = -1)
    {
        ParameterSlice slice = new ParameterLayout(config)[role, layer];
        return flat[(int)slice.Offset..(int)(slice.Offset + slice.Length)];
    }

    const string Stack = """
        merge_method: passthrough
        slices:
          - sources:
              - model: DIR/a
                layer_range: [0, 2]
          - sources:
              - model: DIR/b
                layer_range: [1, 3]
                parameters: {scale: 0.5}
        """;

    [Test]
    public void Passthrough_stacks_layers()
    {
        float[] a = Model("a", 1), b = Model("b", 2);
        (ModelConfig config, float[] merged) = Merged(Stack);
        Assert.That(config, Is.EqualTo(s_config with { Layers = 4 }));
        foreach (Role role in (Role[])[Role.QkvWeight, Role.QkvBias, Role.Norm1Weight])
        {
            Assert.That(Part(config, merged, role, 0), Is.EqualTo(Part(s_config, a, role, 0)));
            Assert.That(Part(config, merged, role, 1), Is.EqualTo(Part(s_config, a, role, 1)));
            Assert.That(Part(config, merged, role, 2),
                Is.EqualTo(Part(s_config, b, role, 1).Select(v => v / 2).ToArray()));
            Assert.That(Part(config, merged, role, 3),
                Is.EqualTo(Part(s_config, b, role, 2).Select(v => v / 2).ToArray()));
        }
        Assert.That(
            Part(config, merged, Role.TokenEmbedding), Is.EqualTo(Part(s_config, a, Role.TokenEmbedding)));
        Assert.That(Part(config, merged, Role.FinalNormWeight),
            Is.EqualTo(Part(s_config, b, Role.FinalNormWeight).Select(v => v / 2).ToArray()));
    }

    [Test]
    public void Out_layers_say_where_a_slice_goes()
    {
        float[] a = Model("a", 1), b = Model("b", 2);
        (ModelConfig config, float[] merged) = Merged("""
            merge_method: passthrough
            slices:
              - sources: [{model: DIR/b, layer_range: [1, 3]}]
                out_layers: [1, 3]
              - sources: [{model: DIR/a, layer_range: [2, 3]}]
                out_layers: [0, 1]
            """);
        Assert.That(config.Layers, Is.EqualTo(3));
        Assert.That(Part(config, merged, Role.QkvWeight, 0),
            Is.EqualTo(Part(s_config, a, Role.QkvWeight, 2)));
        Assert.That(Part(config, merged, Role.QkvWeight, 2),
            Is.EqualTo(Part(s_config, b, Role.QkvWeight, 2)));
    }

    [Test]
    public void Other_methods_merge_ranges_with_parameters_by_depth_in_the_slice()
    {
        float[] a = Model("a", 1), b = Model("b", 2), start = Model("base", 3);
        (ModelConfig config, float[] merged) = Merged("""
            merge_method: task_arithmetic
            base_model: DIR/base
            slices:
              - sources:
                  - {model: DIR/a, layer_range: [0, 2], parameters: {weight: 0.5}}
                  - {model: DIR/base, layer_range: [1, 3]}
                parameters: {lambda: [1, 0]}
              - sources:
                  - {model: DIR/b, layer_range: [0, 1]}
                parameters: {weight: [0, 0.25]}
            parameters: {weight: 3}
            """);
        void Check(int layer, float[] model, int of, int fromBase, double weight)
        {
            float[] s = Part(s_config, start, Role.MlpInWeight, fromBase), m = Part(
                s_config, model, Role.MlpInWeight, of);
            Assert.That(Part(config, merged, Role.MlpInWeight, layer), Is.EqualTo(s.Zip(m, (x, y) =>
                (float)(x + weight * (y - x))).ToArray()).Within(1e-6), $"layer {layer}");
        }
        Check(0, a, 0, 1, 0.5);
        Check(1, a, 1, 2, 0);
        Check(2, b, 0, 0, 0.25); // a slice of one layer lies at its end
    }

    [TestCase("[0, 2]", "[0, 9]", "layer_range is [0, 9] of DIR/a, which has 3 layers")]
    [TestCase("[0, 2]", "[2, 2]", "m.yml: line 5: layer_range is no range; expected [first, end]")]
    [TestCase("[0, 2]", "2", "m.yml: line 5: layer_range is no range")]
    [TestCase("layer_range: [1, 3]", "layer_rnge: [1, 3]", "\"layer_rnge\" is not known here; ")]
    [TestCase("        layer_range: [0, 2]\n", "        layer_range: [0, 2]\n      - model: DIR/b\n"
        + "        layer_range: [0, 1]\n", "layer_range is 1 layer and the first source's is 2; ")]
    [TestCase("        layer_range: [0, 2]\n", "        layer_range: [0, 2]\n      - model: DIR/b\n"
        + "        layer_range: [0, 2]\n", "the slice of layer 0 has 2 models beside the base; ")]
    [TestCase("slices:", "models: []\nslices:", "models and slices are both given")]
    [TestCase("slices:", "slices: 3\nmodels:", "models and slices are both given")]
    public void Wrong_slices_are_named(string right, string wrong, string message)
    {
        _ = Model("a", 1);
        _ = Model("b", 2);
        Assert.That(Stack, Does.Contain(right));
        Assert.That(() => Merged(Stack.Replace(right, wrong, StringComparison.Ordinal)),
            Throws.TypeOf<UserException>().With.Message.Contains(
                message.Replace("DIR", _folder, StringComparison.Ordinal)));
        Assert.That(Directory.Exists(At("out")), Is.False);
    }

    [TestCase("[0, 2]", "[1, 3]", "slices overlap: layer 1 of the merge is in two of them")]
    [TestCase("[0, 2]", "[3, 5]", "slices leave a gap: no slice makes layer 2 of the merge")]
    [TestCase("[1, 3]", "[3, 5]", "slices leave a gap: no slice makes layer 0 of the merge")]
    [TestCase("[0, 2]", "[2, 5]", "out_layers is 3 layers and layer_range 2; expected as many")]
    [TestCase("[0, 2]", null, "out_layers is given for some slices; expected for all, or for none")]
    public void Output_layers_are_made_once(string first, string? second, string message)
        => Assert.That(() => Config($"""
            merge_method: passthrough
            slices:
              - sources: [{"{model: DIR/a, layer_range: [0, 2]}"}]
                out_layers: {first}
              - sources: [{"{model: DIR/b, layer_range: [1, 3]}"}]
            {(second is null ? "" : $"    out_layers: {second}")}
            """), Throws.TypeOf<UserException>().With.Message.Contains(message));

    [Test]
    public void Models_of_other_depth_stack_and_those_of_other_width_do_not()
    {
        _ = Model("a", 1);
        _ = Model("b", 2, s_config with { Layers = 5 });
        Assert.That(Merged(Stack).Config.Layers, Is.EqualTo(4));
        _ = Model("b2", 2, s_config with { Heads = 8 });
        Assert.That(() => Merged(Stack.Replace("DIR/b", "DIR/b2", StringComparison.Ordinal)),
            Throws.TypeOf<UserException>().With.Message.Contains("n_head is 8 and 4"));
    }
}
