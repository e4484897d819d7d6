using HeadTap.Runtime;

namespace HeadTap.Models.Tests;

public class TrainingBranchesTests
{
    string _folder = "";

    [SetUp]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory("headtap-branches-").FullName;

    [TearDown]
    public void DeleteFolder() => Directory.Delete(_folder, recursive: true);

    static readonly TrainingConfig s_config = TrainingSetup.Config with
    {
        Model = new TrainingModel { Sizes = new ModelConfig
            { VocabSize = 0, ContextLength = 11, Width = 12, Layers = 1, Heads = 3 } },
        CheckpointEvery = 2, Tokenizer = new TrainingTokenizer { VocabSize = 260, MinimumCount = 1 },
    };

    string At(string name) => Path.Combine(_folder, name);

    TrainingConfig Config()
    {
        File.WriteAllText(At("text.txt"), string.Join("<|endoftext|>",
            Enumerable.Range(0, 30).Select(i =>
                string.Concat(Enumerable.Repeat($"row {i % 7} ", 1 + i % 5)))));
        return s_config with { Data = new TrainingData { Files = [At("text.txt")] } };
    }

    string Branch(string folder, int step, ulong order, Action? each = null, CancellationToken stop = default)
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        var branches = new TrainingBranches(device, Config(), TrainingTexts.Load(Config()), At(folder),
            _ => each?.Invoke(), stop);
        return branches.Train(step, "child", order);
    }

    // The weights after steps of the config's order and more of another, by trainers alone.
    Dictionary<string, float[]> Expected(int step, ulong order)
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        TrainingTexts texts = TrainingTexts.Load(Config());
        using LanguageModel model = TrainingRun.MakeModel(device, Config(), texts);
        using var parent = new Trainer(model, Config(), texts.Train);
        while (parent.Step < step)
            parent.Next();
        using var child = new Trainer(model, Config() with { Seed = order }, texts.Train) { Step = step };
        foreach (((string name, Tensor from), (string other, Tensor to)) in
            parent.Optimizer.Tensors.Zip(child.Optimizer.Tensors))
        {
            Assert.That(other, Is.EqualTo(name));
            to.Upload(from.ToArray());
        }
        while (child.Step < child.Steps)
            child.Next();
        return TrainingSetup.Weights(model);
    }

    static Dictionary<string, float[]> Read(string folder)
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = LanguageModel.Load(device, folder);
        return TrainingSetup.Weights(model);
    }

    [Test]
    public void A_branch_has_the_run_s_weights_and_moments_and_rows_of_its_own([Values(0, 3, 8)] int step)
    {
        Dictionary<string, float[]> found = Read(Branch("out", step, 99)), expected = Expected(step, 99);
        foreach ((string name, float[] values) in expected)
            Assert.That(found[name], Is.EqualTo(values), name);
    }

    [Test]
    public void Orders_make_branches_differ_unless_they_part_at_the_end()
    {
        byte[] Bytes(string folder, int step, ulong order)
            => File.ReadAllBytes(Path.Combine(Branch(folder, step, order), "model.safetensors"));
        Assert.That(Bytes("a", 4, 1), Is.Not.EqualTo(Bytes("b", 4, 2)));
        Assert.That(Bytes("c", 8, 1), Is.EqualTo(Bytes("d", 8, 2)));
    }

    [Test]
    public void A_branch_that_was_stopped_goes_on_to_the_same_bits([Values(1, 3, 6)] int after)
    {
        string whole = Branch("whole", 4, 7);
        using var stop = new CancellationTokenSource();
        int steps = 0;
        Assert.That(() => Branch("parts", 4, 7, () =>
        {
            if (++steps == after)
                stop.Cancel();
        }, stop.Token), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(Directory.Exists(At("parts/child")), Is.False);
        string parts = Branch("parts", 4, 7);
        Assert.That(File.ReadAllBytes(Path.Combine(parts, "model.safetensors")),
            Is.EqualTo(File.ReadAllBytes(Path.Combine(whole, "model.safetensors"))));
        Assert.That(File.Exists(At("parts/child.state.safetensors")), Is.False);
    }
}
