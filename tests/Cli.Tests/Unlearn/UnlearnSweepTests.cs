using System.Diagnostics;
using System.Text.Json.Nodes;
using HeadTap.Models;
using HeadTap.Runtime;
using HeadTap.Unlearn;

namespace HeadTap.Cli.Tests;

/// <summary>unlearn sweep and unlearn report, on sequences the tiny model wrote itself.</summary>
public sealed class UnlearnSweepTests
{
    [Test]
    public void A_cell_is_the_run_alone_and_zero_changes_nothing()
    {
        using TemporaryFolder folder = Sets();
        JsonNode json = Sweep(folder, "s", "--json").Json;
        JsonNode[] rows = Rows(folder, "s");
        Assert.That(rows.Select(r => $"{r["cell"]} {r["checkpoint"]} {r["method"]} {r["budget"]}"),
            Is.EqualTo((string[])["0 0 durable 0", "1 0 durable 0.05", "2 0 durable 0.3", "3 0 durable-agg 0",
            "4 0 durable-agg 0.05", "5 0 durable-agg 0.3", "6 1 durable 0", "7 1 durable 0.05",
            "8 1 durable 0.3", "9 1 durable-agg 0", "10 1 durable-agg 0.05", "11 1 durable-agg 0.3"]));
        JsonNode alone = Headtap.Done(["unlearn", "run", "--model", TinyModel.Folder, "--method",
            "durable-agg", "--budget", "0.3", .. Forget(folder), "--out", folder["e"], "--json"]).Json;
        foreach (string measure in new[] { "memorised", "loose", "similarity", "keep_loss", "keep_accuracy" })
            foreach (string when in new[] { "before", "after" })
                Assert.That((double)rows[5][when]![measure]!, Is.EqualTo((double)alone[when]![measure]!));
        Assert.That((int)rows[5]["layers"]![1]!["neurons"]!,
            Is.EqualTo((int)alone["layers"]![1]!["neurons"]!));
        Assert.That(rows[0]["after"]!.ToJsonString(), Is.EqualTo(rows[0]["before"]!.ToJsonString()));
        Assert.That(rows[5]["layers"]!.AsArray().Sum(l => l!["bins"]!.AsArray().Sum(b => (int)b!)),
            Is.EqualTo(2 * 2 * 20 * 28 * 3 / 10));
        Assert.That(rows[0]["after"]!["tests"]!.AsArray(), Has.Count.EqualTo(2));
        Assert.That((double)rows[0]["after"]!["tests"]![1]!["padded_accuracy"]!, Is.InRange(0.0, 1.0));
        Assert.That(json["checkpoints"]![1]!["methods"]!.AsArray().Select(m => (string)m!["method"]!),
            Is.EqualTo((string[])["durable", "durable-agg"]));
    }

    [Test]
    public void Every_cell_is_measured_with_compressed_weights_too()
    {
        using TemporaryFolder folder = Sets();
        Sweep(folder, "plain", "--threads", "1");
        Sweep(folder, "s", "--threads", "2", "--after", "prune:0.9", "--after", "prune:0");
        JsonNode[] rows = Rows(folder, "s");
        foreach (JsonNode row in rows)
        {
            Assert.That(row["compressed"]!.AsArray().Select(c => (string?)c!["after"]),
                Is.EqualTo((string[])["prune:0.9", "prune:0"]));
            Assert.That((double)row["compressed"]![1]!["similarity"]!,
                Is.EqualTo((double)row["after"]!["similarity"]!));
        }
        Assert.That(rows.Any(r => (double)r["compressed"]![0]!["similarity"]!
            != (double)r["after"]!["similarity"]!));
        Assert.That(rows.Select(r => r["after"]!.ToJsonString()),
            Is.EqualTo(Rows(folder, "plain").Select(r => r["after"]!.ToJsonString())),
            "the weights are those of the cell again");
        Headtap.Done("unlearn", "report", "--sweep", folder["s"], "--out", folder["r.html"]);
        Assert.That(File.ReadAllText(folder["r.html"]), Does.Contain("memorised % after prune:0.9"));
        Assert.That(Headtap.Refused(Call(folder, "s")), Does.Contain("after"));
    }

    [Test]
    public void All_methods_are_those_of_the_catalogue()
    {
        using TemporaryFolder folder = Sets();
        Headtap.Done(With(Call(folder, "all")[..^2], "--methods", "all", "--budgets", "0", "--epochs", "1",
            "--model", TinyModel.Folder));
        Assert.That(Rows(folder, "all").Select(r => (string)r["method"]!).Distinct(),
            Is.EqualTo(MethodCatalog.All.Select(m => m.Name)));
    }

    [Test]
    public void A_stopped_sweep_goes_on_to_the_rows_of_one_that_was_not_on_any_number_of_threads()
    {
        using TemporaryFolder folder = Sets();
        Sweep(folder, "whole", "--threads", "1");
        Sweep(folder, "stopped", "--threads", "3");
        string[] lines = File.ReadAllLines(folder["stopped/cells.jsonl"]);
        File.WriteAllText(folder["stopped/cells.jsonl"], $"{lines[7]}\n{lines[0]}\n");
        Assert.That(Headtap.Done("unlearn", "report", "--sweep", folder["stopped"], "--out",
            folder["part.html"]).Error, Does.Contain($"2 of {lines.Length} cells are done"));
        // as a kill leaves it: cells out of order, a job half done, a line cut short
        File.WriteAllText(folder["stopped/cells.jsonl"],
            $"{lines[7]}\n{lines[0]}\n{lines[4]}\n{lines[5][..40]}");
        Assert.That(Headtap.Refused([.. Call(folder, "stopped"), "--resume", "--only-memorised"]),
            Does.Contain("only_memorised is false in its manifest.json and true here"));
        Sweep(folder, "stopped", "--threads", "2");
        Assert.That(Rows(folder, "stopped").Select(WithoutTimes),
            Is.EqualTo(Rows(folder, "whole").Select(WithoutTimes)));
        ComputeDevice.HostThreadCount = Environment.ProcessorCount;
    }

    [Test]
    public void A_killed_sweep_goes_on_to_the_rows_of_one_that_was_not()
    {
        using TemporaryFolder folder = Sets();
        string[] slow = ["--methods", "subnet,durable", "--epochs", "100"];
        Headtap.Done(With(Call(folder, "whole")[..^2], slow));
        var start = new ProcessStartInfo("dotnet");
        foreach (string word in (string[])["exec", typeof(CommandLine).Assembly.Location,
            .. With(Call(folder, "killed"), slow), "--threads", "1", "--quiet"])
            start.ArgumentList.Add(word);
        using (Process sweep = Process.Start(start)!)
        {
            while (!sweep.HasExited && Written(folder["killed/cells.jsonl"]) == 0)
                Thread.Sleep(5);
            Assert.That(Headtap.Refused(With(Call(folder, "killed"), slow)),
                Does.Contain("another process works in it"));
            sweep.Kill(); // SIGKILL: nothing of the process's own runs after it
            sweep.WaitForExit();
            Assert.That(sweep.ExitCode, Is.Not.Zero, "it was not killed in its midst");
        }
        Headtap.Done(With(Call(folder, "killed")[..^2], slow));
        Assert.That(Rows(folder, "killed").Select(WithoutTimes),
            Is.EqualTo(Rows(folder, "whole").Select(WithoutTimes)));
    }

    [TestCase(null)]
    [TestCase("manifest.json.tmp")]
    [TestCase("manifest.json")]
    public void A_sweep_killed_before_its_manifest_is_whole_starts(string? torn)
    {
        using TemporaryFolder folder = Sets();
        Directory.CreateDirectory(folder["s"]);
        folder.Write("s/run.lock", "");
        if (torn is not null)
            folder.Write($"s/{torn}", "{ \"comm");
        Headtap.Done(With(Call(folder, "s")[..^2], "--budgets", "0.05"));
        Assert.That(Directory.GetFiles(folder["s"]).Select(Path.GetFileName).Order(),
            Is.EqualTo((string[])["cells.jsonl", "manifest.json"]));
    }

    [Test]
    public void Several_devices_share_the_cells()
    {
        using TemporaryFolder folder = Sets();
        Sweep(folder, "one");
        Headtap both = Headtap.Run(With(Call(folder, "two"), "--device", "cpu,cpu"));
        Assert.That(both.Code, Is.Zero, both.Error);
        Assert.That(Rows(folder, "two").Select(WithoutTimes),
            Is.EqualTo(Rows(folder, "one").Select(WithoutTimes)));
    }

    [Test]
    public void An_interrupted_sweep_says_so_and_goes_on()
    {
        using TemporaryFolder folder = Sets();
        Headtap stopped = Headtap.RunUntil(new CancellationToken(canceled: true), Call(folder, "s"));
        Assert.That(stopped.Code, Is.EqualTo(130), stopped.Error);
        Sweep(folder, "s", "--resume");
        Assert.That(Rows(folder, "s"), Has.Length.EqualTo(12));
        Assert.That(Sweep(folder, "s").Error, Does.Contain("complete already"));
        Assert.That(Rows(folder, "s"), Has.Length.EqualTo(12), "nothing was left to do");
    }

    [TestCase("--methods durable,none", "\"none\" is no method")]
    [TestCase("--budgets 0.1,2", "--budgets has \"2\"; expected numbers from 0 to 1")]
    [TestCase("--seeds 1,x", "--seeds has \"x\"")]
    [TestCase("--epochs 1,2", "none of the methods reads --epochs")]
    [TestCase("--pad-token 280", "--pad-token is 280")]
    [TestCase("--test {missing}", "no such file")]
    [TestCase("--out {there}", "holds files, and no manifest.json of a sweep")]
    [TestCase("--model {missing}", "no such folder")]
    public void What_does_not_fit_is_one_line_and_nothing_is_written(string wrong, string line)
    {
        using TemporaryFolder folder = Sets();
        Directory.CreateDirectory(folder["there"]);
        folder.Write("there/file", "x");
        string[] before = folder.Entries();
        string[] change = wrong.Split(' ');
        string value = change[1].StartsWith('{') ? folder[change[1].Trim('{', '}')] : change[1];
        Assert.That(Headtap.Refused(With(Call(folder, "out"), change[0], value)), Does.Contain(line));
        Assert.That(folder.Entries(), Is.EqualTo(before));
    }

    [Test]
    public void A_checkpoint_that_recites_nothing_is_a_row_that_says_so()
    {
        using TemporaryFolder folder = Sets();
        Headtap.Done([.. Call(folder, "s")[..^2], "--only-memorised"]);
        Assert.That(Rows(folder, "s").Select(r => (string?)r["error"]), Is.EqualTo(
            Enumerable.Repeat<string?>(null, 6).Concat(Enumerable.Repeat(
                "the model recites none of the sequences", 6))));
    }

    [Test]
    public void Without_rows_to_keep_methods_and_rules_that_need_them_are_refused()
    {
        using TemporaryFolder folder = Sets();
        string[] call = ["unlearn", "sweep", "--model", TinyModel.Folder, "--budgets", "0.1", "--forget",
            folder["forget.jsonl"], .. TinyRecital.Asked];
        Assert.That(Headtap.Refused([.. call, "--methods", "zero,rmu", "--out", folder["none"]]),
            Does.Contain("rmu needs rows to keep; give some with --keep"));
        Assert.That(Directory.Exists(folder["none"]), Is.False);
        Headtap.Done([.. call, "--methods", "zero", "--out", folder["alone"]]);
        Assert.That(Headtap.Refused("unlearn", "report", "--sweep", folder["alone"], "--rule", "perplexity",
            "--out", folder["page.html"]), Does.Contain("--rule perplexity needs a keep set"));
        Assert.That(File.Exists(folder["page.html"]), Is.False);
        Headtap.Done("unlearn", "report", "--sweep", folder["alone"], "--out", folder["page.html"]);
        Assert.That(File.ReadAllText(folder["page.html"]), Does.Contain("zero"));
    }

    internal static TemporaryFolder Sets()
    {
        var folder = new TemporaryFolder();
        TinyRecital.Write(folder, "forget.jsonl", TinyRecital.Sequences(4, spoilt: false));
        TinyRecital.Write(folder, "keep.jsonl", TinyRecital.Others(6));
        TinyRecital.Write(folder, "test-1.jsonl", TinyRecital.Others(3, 2));
        TinyRecital.Write(folder, "test-2.jsonl", TinyRecital.Others(4, 3));
        using ComputeDevice device = ComputeDevice.OpenHost();
        using var other = new LanguageModel(device, TinyModel.Config);
        other.Initialize(6);
        other.Save(folder["other"]);
        return folder;
    }

    internal static Headtap Sweep(TemporaryFolder folder, string name, params string[] rest)
        => Headtap.Done([.. Call(folder, name)[..^2], .. rest]);

    static string[] Forget(TemporaryFolder folder)
        => ["--forget", folder["forget.jsonl"], "--keep", folder["keep.jsonl"], .. TinyRecital.Asked];

    internal static string[] Call(TemporaryFolder folder, string name) => ["unlearn", "sweep", "--model",
        $"{TinyModel.Folder},{folder["other"]}", "--methods", "durable,durable-agg", "--budgets",
        "0.3,0,0.05", .. Forget(folder), "--test", folder["test-1.jsonl"], folder["test-2.jsonl"],
        "--pad-token", "0", "--out", folder[name], "--device", "cpu"];

    /// <summary>The call with values of options replaced, and options that it lacks behind it.</summary>
    internal static string[] With(string[] call, params string[] options)
    {
        List<string> changed = [.. call];
        foreach (string[] option in options.Chunk(2))
            if (changed.IndexOf(option[0]) is var at && at >= 0)
                changed[at + 1] = option[1];
            else
                changed.AddRange(option);
        return [.. changed];
    }

    static int Written(string file) => File.Exists(file) ? File.ReadAllBytes(file).Count(b => b == '\n') : 0;

    static JsonNode[] Rows(TemporaryFolder folder, string name)
        => [.. File.ReadLines(folder[$"{name}/cells.jsonl"]).Select(l => JsonNode.Parse(l)!)];

    static string WithoutTimes(JsonNode row)
    {
        row["find_seconds"] = 0;
        row["apply_seconds"] = 0;
        return row.ToJsonString();
    }
}
