using System.Text.Json;
using System.Text.Json.Nodes;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs.Tests;

/// <summary>Jobs on one model, run as a program without a terminal runs them.</summary>
public sealed class ModelJobTests
{
    static readonly JobContext s_context = new() { DeviceName = "cpu" };
    string _folder = "";

    string Model => Path.Combine(_folder, "model");

    [OneTimeSetUp]
    public void Make()
    {
        _folder = Directory.CreateTempSubdirectory("jobs").FullName;
        using ComputeDevice device = ComputeDevice.OpenHost();
        using var model = new LanguageModel(device, new ModelConfig
        {
            VocabSize = 30, ContextLength = 12, Width = 8, Layers = 2, Heads = 2, Inner = 12,
        });
        model.Initialize(3);
        model.Save(Model);
    }

    [OneTimeTearDown]
    public void Remove() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void Trace_gives_steps_as_numbers_and_writes_sites()
    {
        var steps = new TraceOptions { Prompt = Prompt("1,2,3") };
        Assert.That(TraceJob.Steps(steps, s_context)[0].Shape, Is.EqualTo((int[])[1, 3, 8]));
        string file = Path.Combine(_folder, "z.safetensors");
        TraceResult written = TraceJob.Run(steps with { Sites = "*.hook_z", Out = file }, s_context);
        Assert.That(written.Tensors["blocks.1.attn.hook_z"], Is.EqualTo((int[])[1, 3, 2, 4]));
        Assert.That(File.Exists(file) && File.Exists(Manifest.PathFor(file)));
        Named(() => TraceJob.Run(steps, s_context), "Sites", "Out");
        Named(() => TraceJob.Run(steps with { Out = file }, s_context), "Sites", "Out");
        Named(() => TraceJob.Steps(steps with { Sites = "*", Out = file }, s_context), "Sites", "Out");
    }

    [Test]
    public void Generate_draws_only_with_one_of_three_options()
    {
        var options = new GenerateOptions { Prompt = Prompt("1,2,3"), MaxNewTokens = 4 };
        IReadOnlyList<int> greedy = Ids(options);
        Assert.That(Ids(options with { Greedy = true }), Is.EqualTo(greedy));
        Assert.That(Ids(options with { TopK = 1 }), Is.EqualTo(greedy));
        Assert.That(Enumerable.Range(0, 8).Any(seed => !Ids(options with { Temperature = 2 }, (ulong)seed)
            .SequenceEqual(greedy)));
        Named(() => GenerateJob.Run(options with { Greedy = true, TopP = 0.5f }, s_context),
            "Greedy", "TopP");
        Named(() => GenerateJob.Run(options with { MaxNewTokens = 10 }, s_context), "MaxNewTokens");
        Named(() => GenerateJob.Run(options with { Stop = 30 }, s_context), "Stop");
    }

    [Test]
    public void Profile_reports_its_progress_and_ends_when_it_is_told_to()
    {
        var shares = new List<double>();
        var options = new ProfileOptions { Model = Model, Tokens = 3, Repeats = 2 };
        ProfileResult found = ProfileJob.Run(options,
            s_context with { Progress = at => shares.Add(at.Share) });
        Assert.That(shares, Is.Ordered.And.Some.EqualTo(1.0));
        Assert.That(found.Devices.Single().Taps[0].OverheadUpperQuartile, Is.Zero);
        using var cancel = new CancellationTokenSource();
        Assert.That(() => ProfileJob.Run(options, s_context with
        {
            Progress = _ => cancel.Cancel(), Cancel = cancel.Token,
        }), Throws.InstanceOf<OperationCanceledException>());
        Named(() => ProfileJob.Run(options with { BatchSize = 0 }, s_context), "BatchSize");
        Named(() => ProfileJob.Run(options with { Tokens = 13 }, s_context), "Tokens");
    }

    [Test]
    public void A_job_that_is_cancelled_before_it_begins_writes_nothing()
    {
        JobContext ended = s_context with { Cancel = new CancellationToken(canceled: true) };
        string file = Path.Combine(_folder, "never.safetensors");
        Assert.That(() => GradJob.Run(new GradOptions { Prompt = Prompt("1,2"), Out = file }, ended),
            Throws.InstanceOf<OperationCanceledException>());
        Assert.That(File.Exists(file), Is.False);
    }

    [Test]
    public void Verify_draws_tokens_from_the_seed_and_says_what_it_left_out()
    {
        VerifyResult found = VerifyJob.Run(new VerifyOptions { Model = Model, Tokens = 12 }, s_context);
        Assert.That((found.Passed, found.Tokens, found.SizesOf), Is.EqualTo((true, 12, (string?)null)));
        Assert.That(found.Injections.Skipped, Has.One.StartsWith("all: no numbers were published"));
        Named(() => VerifyJob.Run(new VerifyOptions { Model = Model, Tokens = 13 }, s_context), "Tokens");
        var clone = new VerifyOptions { Model = Model, Tokens = 3, MemoryInjections = "nowhere" };
        Named(() => VerifyJob.Run(clone, s_context), "MemoryInjections");
    }

    [Test]
    public void A_number_that_is_none_is_null_in_JSON()
    {
        var found = new VerifyResult(false, "cpu", 1, "", null,
            [new("hook_embed", double.NaN, 1, 2e-5, false)],
            new([new("what", [1], [double.PositiveInfinity], double.NaN, 0, false)], []));
        JsonNode json = JsonSerializer.SerializeToNode(found, ModelJobsJson.Default.VerifyResult)!;
        Assert.That(json["sites"]![0]!.AsObject()["max_abs_error"], Is.Null);
        Assert.That(json["injections"]!["checks"]![0]!["found"]!.ToJsonString(), Is.EqualTo("[null]"));
        Assert.That(json.AsObject().ContainsKey("sizes_of"), "null is written");
    }

    PromptRequest Prompt(string ids) => new() { Model = Model, Ids = ids };

    static IReadOnlyList<int> Ids(GenerateOptions options, ulong seed = 0)
        => GenerateJob.Run(options, s_context with { GivenSeed = seed }).Texts.Single().NewIds;

    // A message names fields of the options, so that a program can write them as its users know them.
    static void Named(TestDelegate action, params string[] fields)
    {
        UserException error = Assert.Throws<UserException>(action)!;
        var names = new List<string>();
        error.Written(name =>
        {
            names.Add(name);
            return name;
        });
        Assert.That(names, Is.SupersetOf(fields));
        foreach (string field in fields)
            Assert.That(error.Message, Does.Match($@"\b{field}\b"));
    }
}
