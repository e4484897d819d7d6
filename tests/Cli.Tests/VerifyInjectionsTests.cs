using System.Text.Json;
using System.Text.Json.Nodes;
using HeadTap.Inject;
using HeadTap.Runtime;

namespace HeadTap.Cli.Tests;

/// <summary>verify: published injections, on the tiny model with numbers that inject run finds.</summary>
public sealed class VerifyInjectionsTests
{
    const string Header = "explicit_sentence,obscure_sentence,explicit_entity,obscure_entity,answer\n";

    static readonly JobContext s_context = new() { DeviceName = "cpu", GivenSeed = 0 };

    static readonly PromptPair s_pair =
        new("the capital of the city is", "the capital of the country of the north is", "city", "north");

    [Test]
    public void Numbers_of_inject_run_pass_and_a_wrong_one_fails()
    {
        PublishedInjections right = Published(gain: 0);
        VerifiedInjections found = Measure(right, null);
        Assert.That(found.Checks.Select(c => c.Passed), Is.EqualTo((bool[])[true, true]));
        Assert.That(found.Passed);
        Assert.That(found.Skipped, Has.One.Contains("give MemoryInjections DIR"));
        PublishedPrompt prompt = right.Prompts[0];
        VerifiedInjections wrong =
            Measure(right with { Prompts = [prompt with { Obscure = prompt.Obscure + 3e-4 }] }, null);
        Assert.That(wrong.Passed, Is.False);
        Assert.That(Text(wrong with { Checks = [wrong.Checks[0]] }), Does.Contain("FAILS")
            .And.Contain("FAILED: 0 of 1"));
        JsonNode json = JsonSerializer.SerializeToNode(
            Result(wrong), ModelJobsJson.Default.VerifyResult)!["injections"]!;
        Assert.That(json["checks"]!.AsArray().Select(c => (bool)c!["passed"]!),
            Is.EqualTo((bool[])[false, true]));
        Assert.That((double)json["checks"]![0]!["max_abs_error"]!, Is.EqualTo(3e-4).Within(1e-6));
        Assert.That(json["checks"]![0]!["found"]!.AsArray(), Has.Count.EqualTo(4));
        Assert.That(Text(wrong), Does.Contain("FAILS").And.Contain("ok").And.Contain("skipped  published"));
    }

    [Test]
    public void A_number_that_disagrees_is_a_failed_verification()
    {
        PublishedInjections right = Published(gain: 0);
        PublishedInjections wrong = right with { Prompts = [right.Prompts[0] with { Top = [1, 2, 3] }] };
        var options = new VerifyOptions { Model = TinyModel.Folder, Ids = "1,2,3", Tokens = 0 };
        using StringWriter text = new(), failed = new();
        Assert.That(VerifyCommand.Report(Quiet(text), VerifyJob.Run(options, s_context, right)),
            Is.EqualTo(ExitCode.Done));
        Assert.That(text.ToString(), Does.Contain("passed: 3 tokens").And.Contain("passed: 2 of 2 "));
        Assert.That(VerifyCommand.Report(Quiet(failed), VerifyJob.Run(options, s_context, wrong)),
            Is.EqualTo(ExitCode.Defect));
        Assert.That(failed.ToString(), Does.Contain("passed: 3 tokens").And.Contain("FAILED: 1 of 2 "));
    }

    [Test]
    public void A_weight_that_is_not_finite_fails_though_no_site_differs()
    {
        using var text = new StringWriter();
        Assert.That(VerifyCommand.Report(Quiet(text),
            new VerifyResult(false, "cpu", 3, "", null, [], new([], [])) { Finite = false }),
            Is.EqualTo(ExitCode.Defect));
        Assert.That(text.ToString(), Does.Contain("FAILED: 3 tokens").And.Not.Contain("passed"));
    }

    [Test]
    public void A_clone_adds_its_whole_data_sets()
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder["data"]);
        folder.Write("data/hand.csv", Header
            + string.Join(',', s_pair.Explicit, s_pair.Obscure, s_pair.Bridge, "", s_pair.Answer));
        (double before, double after) = Chances(1, 2.5f);
        double gain = 100 * (after - before) / before;
        VerifiedInjections found = Measure(Published(gain), folder.Path);
        Assert.That(found.Checks.Select(c => c.Passed), Is.EqualTo((bool[])[true, true, true]));
        Assert.That(found.Skipped, Is.Empty);
        Assert.That(Measure(Published(gain + 0.1), folder.Path).Passed, Is.False);
        Assert.That(() => Measure(Published(gain), folder["data"]),
            Throws.TypeOf<UserException>().With.Message.Contains("hand.csv: no such file"));
    }

    [Test]
    public void Other_models_say_that_and_why_nothing_was_compared()
    {
        using var folder = new TemporaryFolder();
        string[] verify = ["verify", "--model", TinyModel.Folder, "--ids", "1,2", "--memory-injections",
            folder.Path];
        Assert.That(Headtap.Done(verify).Out, Does.Contain(
            "skipped  published injections, all: no numbers were published for a model of these sizes"));
        JsonNode json = Headtap.Done([.. verify, "--json"]).Json;
        Assert.That((bool)json["passed"]!);
        Assert.That(json["injections"]!["checks"]!.AsArray(), Is.Empty);
        Assert.That(json["injections"]!["skipped"]!.AsArray(), Has.Count.EqualTo(1));
        Assert.That(VerifyInjections.Prepare(TinyModel.BareFolder, Published(0), null).Skipped,
            Has.One.Contains("no tokenizer files"));
        Assert.That(VerifyInjections.Prepare(TinyModel.Folder, Published(0) with { Prompts = [] }, null)
            .Skipped, Has.One.Contains("single prompts"));
        Assert.That(Headtap.Refused("verify", "--model", TinyModel.Folder, "--memory-injections", "nowhere"),
            Does.Contain("--memory-injections is nowhere, which is no folder"));
    }

    static VerifiedInjections Measure(PublishedInjections published, string? repository)
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        return VerifyInjections.Measure(s_context, device, TinyModel.Folder,
            VerifyInjections.Prepare(TinyModel.Folder, published, repository));
    }

    static string Text(VerifiedInjections found)
    {
        using var text = new StringWriter();
        VerifyCommand.Report(Quiet(text), Result(found));
        return text.ToString();
    }

    static VerifyResult Result(VerifiedInjections found) => new(found.Passed, "cpu", 3, "", null, [], found);

    static Invocation Quiet(TextWriter output) => new(new Terminal(output, TextWriter.Null, false, false),
        "cpu", Precision.Fp32, 0, 0, false, true, CancellationToken.None);

    static PublishedInjections Published(double gain)
    {
        JsonNode first = InjectRun(s_pair.Obscure, 0, 3), second = InjectRun(s_pair.Obscure, 1, 3);
        return new("tiny", 3,
        [
            new(s_pair, (double)InjectRun(s_pair.Explicit, 0, 3)["p_before"]!, (double)first["p_before"]!,
                [(double)first["p_after"]!, (double)second["p_after"]!], 1,
                [.. second["top_after"]!.AsArray().Select(t => (int)t!["id"]!)]),
        ], [new("data/hand.csv", 1, 2.5f, gain)]);
    }

    static (double Before, double After) Chances(int layer, float tau)
    {
        JsonNode json = InjectRun(s_pair.Obscure, layer, tau);
        return ((double)json["p_before"]!, (double)json["p_after"]!);
    }

    static JsonNode InjectRun(string text, int layer, float tau) => Headtap.Done("inject", "run", "--model",
        TinyModel.Folder, "--text", text, "--bos", "--weights", "transformer-lens", "--memory", s_pair.Memory,
        "--answer", s_pair.Answer, "--layer", $"{layer}", "--tau", $"{tau}", "--json").Json;
}
