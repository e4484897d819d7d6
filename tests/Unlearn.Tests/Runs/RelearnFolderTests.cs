using HeadTap.Models;
using HeadTap.Models.Tests;
using HeadTap.Runtime;

namespace HeadTap.Unlearn.Tests;

public sealed class RelearnFolderTests
{
    const int Steps = 11;

    static readonly ModelConfig s_config =
        new() { VocabSize = 23, ContextLength = 12, Width = 16, Layers = 2, Heads = 2 };

    static readonly IReadOnlyList<PlantedSequence> s_asked = [.. Enumerable.Range(0, 20).Select(i =>
        new PlantedSequence([.. Enumerable.Range(0, 6 + i % 3).Select(t => (7 * i + t * t + t) % 23)]))];

    static readonly Manifest s_call = new()
    {
        Command = "test", Options = new() { ["steps"] = Steps }, Seed = 2, ModelHash = "m", DataHash = "d",
    };

    string _folder = "";

    [SetUp]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory("headtap-relearn-").FullName;

    [TearDown]
    public void DeleteFolder() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void Killed_at_any_moment_it_measures_the_same()
    {
        IReadOnlyList<RelearnedAt> plain = Run(null), whole = Run("whole");
        Assert.That(whole.Select(Text), Is.EqualTo(plain.Select(Text)));
        Assert.That(whole.Select(f => f.Steps), Is.EqualTo((int[])[0, 1, 2, 4, 8, 11]));
        using var stop = new CancellationTokenSource();
        Assert.That(() => Run("stopped", at => { if (at.Steps == 4) stop.Cancel(); }, stop.Token),
            Throws.InstanceOf<OperationCanceledException>());
        Assert.Multiple(() =>
        {
            foreach (string moment in KillMoments.Early.Concat(KillMoments.Midway).Concat(KillMoments.Late))
            {
                KillMoments.Leave(moment, At("whole"), At("stopped"), At(moment), "manifest.json");
                Assert.That(Run(moment).Select(Text), Is.EqualTo(whole.Select(Text)), moment);
                foreach (string file in (string[])["metrics.jsonl", "manifest.json", "run.json"])
                    Assert.That(File.ReadAllBytes(Path.Combine(At(moment), file)),
                        Is.EqualTo(File.ReadAllBytes(Path.Combine(At("whole"), file))), $"{moment}: {file}");
                Assert.That(Directory.GetFiles(At(moment)), Has.Length.EqualTo(3), moment);
            }
        });
    }

    [Test]
    public void It_goes_on_from_its_checkpoint_and_a_complete_one_is_read()
    {
        var steps = new List<int>();
        using var stop = new CancellationTokenSource();
        Assert.That(() => Run("a", at => { if (at.Steps == 4) stop.Cancel(); }, stop.Token),
            Throws.InstanceOf<OperationCanceledException>());
        Run("a", at => steps.Add(at.Steps));
        Assert.That(steps, Is.EqualTo((int[])[8, 11]));
        Assert.That(Run("a", _ => Assert.Fail("it was measured again")).Select(f => f.Steps),
            Is.EqualTo((int[])[0, 1, 2, 4, 8, 11]));
        Assert.That(() => RelearnFolder.Open(At("a"), s_call with { Seed = 3 }),
            Throws.TypeOf<UserException>().With.Message.Contains("seed is 2 in its run.json and 3 here"));
    }

    IReadOnlyList<RelearnedAt> Run(string? name, Action<RelearnedAt>? progress = null,
        CancellationToken cancel = default)
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using var model = new LanguageModel(device, s_config);
        model.Initialize(4);
        using RelearnFolder? folder = name is null ? null : RelearnFolder.Open(At(name), s_call);
        return Relearning.Run(model, s_asked, [.. s_asked.Select(s => s.Ids)], new(2, 3), Steps, 3e-3f, 2,
            folder, progress, cancel);
    }

    static string Text(RelearnedAt at) => $"{at.Steps} {at.Recited.Given} "
        + string.Join("; ", at.Recited.Recitals.Select(r => $"{r.Index} {r.Group} {r.Memorised} {r.Correct} "
            + $"{r.Similarity:R} {string.Join(' ', r.Written)}"));

    string At(string name) => Path.Combine(_folder, name);
}
