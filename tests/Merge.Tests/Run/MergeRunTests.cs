using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Merge.Tests;

public class MergeRunTests
{
    string _folder = "";

    [SetUp]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory("headtap-merge-").FullName;

    [TearDown]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    string At(string name) => Path.Combine(_folder, name);

    float[] Model(string name, int seed, ModelConfig? config = null, Action<float[]>? change = null)
    {
        config ??= ModelConfig.Tiny;
        float[] flat = Tensors.Normal(seed, (int)new ParameterLayout(config).TotalLength);
        change?.Invoke(flat);
        ModelFolder.Write(At(name), config, flat);
        return flat;
    }

    float[] Read(string name)
    {
        ModelConfig config = ModelFolder.ReadConfig(At(name));
        float[] flat = new float[new ParameterLayout(config).TotalLength];
        ModelFolder.ReadParameters(At(name), config, flat);
        return flat;
    }

    MergeConfig Config(string yaml)
        => MergeConfigReader.Parse(yaml.Replace("DIR", _folder, StringComparison.Ordinal), "m.yml");

    void Merge(MergeConfig config, string name = "out")
    {
        using var run = new MergeRun(config);
        run.Write(At(name));
    }

    const string Linear = """
        merge_method: linear
        models:
          - model: DIR/a
            parameters: {weight: [1.0, 0.5]}
          - model: DIR/b
            parameters: {weight: 0.5}
        """;

    [TestCase("linear", "{weight: 1}", "{weight: -1}", "add up to 0")]
    [TestCase("multislerp", "{weight: 1}", "{weight: -1}", "add up to 0")]
    [TestCase("swa", "{}", "{}", "start is 2 of 2", "start: 2")]
    [TestCase("della_linear", "{density: 0.9}", "{density: 0.5}", "epsilon is 0.15 with density 0.9")]
    public void Values_that_do_not_fit_together_are_refused_before_a_weight_is_read(
        string method, string first, string second, string message, string all = "")
    {
        Model("a", 1, change: flat => flat[3] = float.NaN);
        Model("b", 2);
        string start = method == "della_linear" ? "base_model: DIR/b\n" : "";
        Assert.That(() => new MergeRun(Config(
            $"merge_method: {method}\n{start}models:\n  - model: DIR/a\n    parameters: {first}\n"
            + $"  - model: DIR/b\n    parameters: {second}\nparameters: {{{all}}}\n")),
            Throws.TypeOf<UserException>().With.Message.Contains(message));
    }

    [Test]
    public void A_merge_of_folders_is_that_of_their_tensors()
    {
        float[] a = Model("a", 1), b = Model("b", 2);
        Merge(Config(Linear));
        float[] merged = Read("out");
        foreach (ParameterSlice slice in new ParameterLayout(ModelConfig.Tiny).Slices)
        {
            // Weight 1 at the embeddings and the first of two layers, 1/2 at the last and after it.
            double weight = slice.Layer == 0 || slice.Name is "wte.weight" or "wpe.weight" ? 1 : 0.5;
            for (int i = (int)slice.Offset; i < slice.Offset + slice.Length; i++)
                Assert.That(merged[i], Is.EqualTo((float)((weight * a[i] + 0.5 * b[i]) / (weight + 0.5)))
                    .Within(1).Ulps, slice.Name);
        }
    }

    [Test]
    public void Task_vectors_of_folders_are_added_to_the_base()
    {
        float[] start = Model("base", 3), a = Model("a", 1);
        Merge(Config("""
            merge_method: task_arithmetic
            base_model: DIR/base
            models:
              - model: DIR/base
              - model: DIR/a
            parameters: {lambda: 0.25}
            """));
        Assert.That(Read("out"), Is.EqualTo(start.Zip(a, (s, m) => (float)(s + 0.25 * (m - s))).ToArray())
            .Within(1e-6));
    }

    [Test]
    public void Two_calls_write_the_same_bytes()
    {
        _ = Model("base", 3);
        _ = Model("a", 1);
        MergeConfig config = Config("""
            merge_method: dare_ties
            base_model: DIR/base
            models:
              - model: DIR/a
                parameters: {density: 0.3, weight: 1}
            """);
        Merge(config, "one");
        Merge(config, "two");
        Merge(config with { Seed = 1 }, "three");
        byte[] Bytes(string name) => File.ReadAllBytes(Path.Combine(At(name), "model.safetensors"));
        Assert.That(Bytes("two"), Is.EqualTo(Bytes("one")));
        Assert.That(Bytes("three"), Is.Not.EqualTo(Bytes("one")));
    }

    [Test]
    public void A_number_that_is_none_is_named_and_nothing_is_left()
    {
        ParameterSlice bad = new ParameterLayout(ModelConfig.Tiny).Slices[5];
        _ = Model("a", 1);
        _ = Model("b", 2, change: flat => flat[bad.Offset + 3] = float.NaN);
        Assert.That(() => Merge(Config(Linear)), Throws.TypeOf<UserException>()
            .With.Message.Contains(bad.Name)
            .And.Message.Contains(At("b")));
        Assert.That(Directory.EnumerateFileSystemEntries(_folder).Select(Path.GetFileName),
            Is.EquivalentTo((string[])["a", "b"]));
    }

    [Test]
    public void Models_of_other_sizes_are_refused()
    {
        _ = Model("a", 1);
        _ = Model("b", 2, ModelConfig.Tiny with { Heads = 8 });
        Assert.That(() => Merge(Config(Linear)), Throws.TypeOf<UserException>().With.Message.EqualTo(
            $"{At("b")} does not fit {At("a")}: n_head is 8 and 4"));
        Directory.Delete(At("b"), recursive: true);
        Assert.That(() => Merge(Config(Linear)),
            Throws.TypeOf<UserException>().With.Message.Contains(At("b")));
    }

    [Test]
    public void A_folder_that_exists_is_refused_and_a_stopped_merge_leaves_nothing()
    {
        _ = Model("a", 1);
        _ = Model("b", 2);
        Directory.CreateDirectory(At("out"));
        Assert.That(() => Merge(Config(Linear)),
            Throws.TypeOf<UserException>().With.Message.Contains("exists"));
        using var stop = new CancellationTokenSource();
        using var run = new MergeRun(Config(Linear));
        Assert.That(() => run.Write(At("new"), progress: _ => stop.Cancel(), cancellation: stop.Token),
            Throws.InstanceOf<OperationCanceledException>());
        Assert.That(Directory.Exists(At("new")) || Directory.Exists(At("new.tmp")), Is.False);
    }

    [Test]
    public void Numbers_of_16_bits_are_read_and_written()
    {
        _ = Model("a", 1);
        _ = Model("b", 2);
        Merge(Config(Linear + "\ndtype: bfloat16\n"), "short");
        Merge(Config(Linear), "long");
        Assert.That(new FileInfo(Path.Combine(At("short"), "model.safetensors")).Length,
            Is.LessThan(new FileInfo(Path.Combine(At("long"), "model.safetensors")).Length * 0.6));
        Assert.That(Read("short"), Is.EqualTo(Read("long")).Within(1).Percent);
    }
}
