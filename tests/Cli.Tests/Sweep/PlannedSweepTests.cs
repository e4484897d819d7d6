using System.Text.RegularExpressions;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Cli.Tests;

/// <summary>Plans, and reports that are what the verb itself makes.</summary>
public sealed partial class PlannedSweepTests
{
    static TemporaryFolder s_folder = null!;

    [OneTimeSetUp]
    public static void Write()
    {
        s_folder = new TemporaryFolder();
        TinySweep.Pairs(s_folder, 8);
        using ComputeDevice device = ComputeDevice.OpenHost();
        foreach (ulong seed in (ulong[])[6, 7])
        {
            using var other = new LanguageModel(device, TinyModel.Config);
            other.Initialize(seed, 0.2f);
            other.Save(s_folder[$"other{seed}"], TinyModel.Folder);
        }
        s_folder.Write("batch.json", "[[1, 2, 3, 4, 5, 6], [7, 8, 9], [10]]");
        TinyRecital.Write(s_folder, "forget.jsonl", TinyRecital.Sequences(5));
        TinyRecital.Write(s_folder, "keep.jsonl", TinyRecital.Others(6));
    }

    [OneTimeTearDown]
    public static void Remove() => s_folder.Dispose();

    // Verbs with the number of their cells: {0} stands for the folder of the test.
    static IEnumerable<TestCaseData> Calls()
    {
        string models = "--model {model} --model {0}/other6";
        foreach ((string call, int cells) in ((string, int)[])
        [
            ("inject sweep --model {model} --data {0}/pairs.jsonl --taus 1-3 --position all,last --top 2", 8),
            ("unlearn sweep --model {model},{0}/other6 --methods durable,random-pruning --budgets 0.3,0,0.05 "
                + "--seeds 4,9 --forget {0}/forget.jsonl --keep {0}/keep.jsonl --after prune:0.5 --prompt 3 "
                + "--continuation 5", 6),
            ($"landscape line {models} --batch {{0}}/batch.json --points 5", 6),
            ($"landscape line {models} --model {{0}}/other7 --batch {{0}}/batch.json --points 2 --ensemble "
                + "vote", 11),
            ("landscape plane --model {model} --batch {0}/batch.json --size 4 --seed 11", 5),
            ($"landscape plane {models} --model {{0}}/other7 --directions models --ensemble logits --batch "
                + "{0}/batch.json --size 3", 4),
            ($"landscape plane {models} --model {{0}}/other7 --directions pca --batch {{0}}/batch.json "
                + "--size 3", 4),
        ])
            yield return new TestCaseData(call, cells).SetArgDisplayNames(
                string.Join(' ', call.Split(' ').Take(2)) + " " + Option().Match(call).Value);
    }

    [TestCaseSource(nameof(Calls))]
    public void The_report_of_cells_in_any_order_has_the_bytes_of_the_verb(string call, int cells)
    {
        string[] words = [.. call.Split(' ').Select(word => word
            .Replace("{model}", TinyModel.Folder, StringComparison.Ordinal)
            .Replace("{0}", s_folder.Path, StringComparison.Ordinal))];
        string place = s_folder[Guid.NewGuid().ToString("N")], plan = place + "-plan";
        Headtap planned = Headtap.Done(["sweep", "plan", .. words, "--out", plan, "--json"]);
        Assert.That((int)planned.Json["cells"]!, Is.EqualTo(cells));
        Assert.That(File.ReadAllLines(plan + "/manifest.jsonl"), Has.Length.EqualTo(cells));
        // From behind, each in a call of its own; then the rest at once by two workers.
        for (int cell = cells - 1; cell > cells / 2; cell--)
            Headtap.Done("sweep", "run", "--dir", plan, "--cell", $"{cell}", "--threads", "1");
        Headtap.Done("sweep", "run", "--dir", plan, "--jobs", "2", "--threads", "3");
        foreach (string json in (string[])["--json", "--quiet"])
        {
            // The page is named in results: both write to one place, one after the other.
            Headtap report = Headtap.Done("sweep", "report", "--dir", plan, "--out", place, json);
            Directory.Move(place, place + "-cells" + json);
            Headtap local = Headtap.Done([.. words, "--out", place, json]);
            Directory.Move(place, place + "-local" + json);
            // What an unlearning took is measured, so it differs in any two calls.
            if (words[0] == "unlearn")
            {
                foreach (string file in (string[])["-cells", "-local"])
                    WithoutTimes(place + file + json + "/cells.jsonl");
                report = report with { Out = Timeless(report.Out) };
                local = local with { Out = Timeless(local.Out) };
            }
            Assert.That(report.Out, Is.EqualTo(local.Out));
            Assert.That(TinySweep.Differing(place + "-cells" + json, place + "-local" + json), Is.Empty);
        }
        // Again into the same folder: nothing is added.
        string[] before = Bytes(plan);
        Headtap.Done("sweep", "report", "--dir", plan);
        string[] first = Bytes(plan + "/report");
        Headtap.Done("sweep", "report", "--dir", plan);
        Assert.That(Bytes(plan + "/report"), Is.EqualTo(first));
        Headtap.Done("sweep", "run", "--dir", plan);
        Assert.That(Bytes(plan).Where(b => !b.StartsWith("report/", StringComparison.Ordinal)),
            Is.EqualTo(before));

        static void WithoutTimes(string file)
            => File.WriteAllText(file, Timeless(File.ReadAllText(file)));
    }

    [Test]
    public void The_same_plan_may_be_made_twice_and_another_may_not()
    {
        using var folder = new TemporaryFolder();
        string[] call = TinySweep.Planned(folder, 5);
        string[] before = Bytes(folder["plan"]);
        Assert.That(Headtap.Done(["sweep", "plan", .. call, "--out", folder["plan"]]).Error,
            Does.Contain("planned already"));
        Assert.That(Bytes(folder["plan"]), Is.EqualTo(before));
        foreach ((string[] other, string message) in new (string[], string)[]
        {
            (["--limit", "3"], "call.pairs.limit is 0 in its sweep.json and 3 here"),
            (["--seed", "5"], "seed is 0 in its sweep.json and 5 here"),
            (["--device", "simulator"], "device is \"cpu\" in its sweep.json"),
        })
            Assert.That(Headtap.Refused(["sweep", "plan", .. call, "--out", folder["plan"],
                .. other.Contains("--device") ? other : [.. other, "--device", "cpu"]]),
                Does.Contain("belongs to another call").And.Contain(message));
        Assert.That(Headtap.Refused([.. call, "--out", folder["plan"]]), Does.Contain("no manifest.json"),
            "the verb itself does not write into a plan");
        Directory.CreateDirectory(folder["else"]);
        folder.Write("else/x", "");
        Assert.That(Headtap.Refused(["sweep", "plan", .. call, "--out", folder["else"]]),
            Does.Contain("holds files, and no sweep.json of a plan"));
    }

    [Test]
    public void A_plan_is_refused_for_the_reasons_of_the_verb_and_writes_nothing()
    {
        using var folder = new TemporaryFolder();
        TinySweep.Pairs(folder, 3);
        foreach ((string option, string value, string message) in ((string, string, string)[])
        [
            ("--layers", "2", "layer 2 does not exist"), ("--split", "x", "no pair has split \"x\""),
            ("--model", folder["none"], "none"), ("--data", folder["none"], "none"),
        ])
            Assert.That(Headtap.Refused(["sweep", "plan", .. TinySweep.Call(folder)
                .Where(word => option != "--model" || word is not "--model" && word != TinyModel.Folder)
                .Where(word => option != "--data" || word is not "--data" && word != folder["pairs.jsonl"]),
                option, value, "--out", folder["plan"]]), Does.Contain(message));
        Assert.That(Headtap.Refused("sweep", "plan", "landscape", "line", "--model", TinyModel.Folder,
            "--model", TinyModel.Folder, "--batch", s_folder["batch.json"]),
            Does.Contain("no --out; expected the folder of the plan"));
        Assert.That(Directory.Exists(folder["plan"]), Is.False);
        Assert.That(Headtap.Refused("sweep", "run", "--dir", folder["plan"]),
            Does.Contain("expected the folder of headtap sweep plan"));
    }

    [Test]
    public void What_was_changed_since_the_plan_is_refused()
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder["model"]);
        foreach (string file in Directory.GetFiles(TinyModel.Folder))
            File.Copy(file, Path.Combine(folder["model"], Path.GetFileName(file)));
        TinySweep.Pairs(folder, 4);
        Headtap.Done("sweep", "plan", "inject", "sweep", "--model", folder["model"], "--data",
            folder["pairs.jsonl"], "--taus", "2", "--out", folder["plan"]);
        string[] run = ["sweep", "run", "--dir", folder["plan"], "--cell", "1"];
        string[] report = ["sweep", "report", "--dir", folder["plan"]];
        Changed("plan/manifest.jsonl", text => text.Replace("city", "town", StringComparison.Ordinal),
            "is not the list that sweep.json has the hash of", run, report,
            ["sweep", "status", "--dir", folder["plan"]], ["sweep", "missing", "--dir", folder["plan"]],
            ["sweep", "script", "--for", "slurm", "--dir", folder["plan"]]);
        Changed("plan/sweep.json", text => text.Replace("\"cells\": 4", "\"cells\": 5",
            StringComparison.Ordinal), "is not the list", run);
        Changed("plan/sweep.json", text => text.Replace("inject sweep", "inject swap",
            StringComparison.Ordinal), "is no record of a plan", run);
        Changed("plan/sweep.json", _ => "{}", "missing", run);
        Changed("plan/sweep.json", text => CodeVersion().Replace(text, "\"code_version\": \"0.0.1\""),
            "was planned by version 0.0.1 of headtap, and this is", run);
        Changed("pairs.jsonl", text => text + text.Split('\n')[0] + "\n",
            "what the data files hold has changed since the plan", run);
        Assert.That(Headtap.Refused([.. run, "--seed", "3"]),
            Does.Contain("the seed is 0 in the plan and 3 here"));
        Assert.That(Headtap.Refused([.. run, "--precision", "bf16"]),
            Does.Contain("the precision is fp32 in the plan and bf16 here"));
        Headtap.Done("sweep", "run", "--dir", folder["plan"], "--range", "0,2-3");
        byte[] weights = File.ReadAllBytes(folder["model/model.safetensors"]);
        weights[^3] ^= 1;
        File.WriteAllBytes(folder["model/model.safetensors"], weights);
        Assert.That(Headtap.Refused(run), Does.Contain("the model is another than that of the plan"));
        weights[^3] ^= 1;
        File.WriteAllBytes(folder["model/model.safetensors"], weights);
        Headtap.Done(run);
        Changed("plan/results/2.jsonl", text => text.Replace("prompts", "prompt", StringComparison.Ordinal),
            "missing, 2 (1 damaged; results/2.jsonl: damaged (its hash is another)); run headtap", report);
        Changed("plan/results/2.jsonl", text => text.Replace("\"cpu\"", "\"cuda\"",
            StringComparison.Ordinal), "damaged (its hash is another)", report);
        Changed("plan/results/2.jsonl", _ => TinySweep.OnDevice("cuda", folder["plan"], 2),
            "cell 0 was computed on cpu and cell 2 on cuda", report);
        Headtap.Done(report);

        void Changed(string file, Func<string, string> change, string message, params string[][] calls)
        {
            string before = File.ReadAllText(folder[file]);
            Assert.That(change(before), Is.Not.EqualTo(before), file);
            File.WriteAllText(folder[file], change(before));
            foreach (string[] call in calls)
                Assert.That(Headtap.Refused(call), Does.Contain(message), file);
            File.WriteAllText(folder[file], before);
        }
    }

    [Test]
    public void A_report_needs_all_cells()
    {
        using var folder = new TemporaryFolder();
        TinySweep.Planned(folder, 6);
        Headtap.Done("sweep", "run", "--dir", folder["plan"], "--range", "0,3-4");
        Assert.That(Headtap.Refused("sweep", "report", "--dir", folder["plan"]),
            Does.Contain("3 of 6 cells are missing, 1-2,5; run headtap sweep run"));
        Assert.That(Directory.Exists(folder["plan/report"]), Is.False);
    }

    static string[] Bytes(string folder) => [.. Directory
        .EnumerateFiles(folder, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal)
        .Select(f => $"{Path.GetRelativePath(folder, f)} {FileHash.Sha256(f)}")];

    [GeneratedRegex("\"code_version\": \"[^\"]*\"")]
    private static partial Regex CodeVersion();

    // Rows and results without what a search and its application took, and tables without its width.
    static string Timeless(string text) => Gaps().Replace(
        Column().Replace(Times().Replace(text, "0"), "0$1"), " ");

    [GeneratedRegex(@"(?<=_seconds"":|""seconds(_spread)?"": )[-+0-9.eE]+")]
    private static partial Regex Times();

    [GeneratedRegex(@"(?m)\d+\.\d\d(?: ± \d+\.\d\d)?( +0(?:\.\d+)? *)$")]
    private static partial Regex Column();

    [GeneratedRegex("[ ─]+")]
    private static partial Regex Gaps();

    [GeneratedRegex("--(methods|ensemble|directions|size|position|points) \\S+")]
    private static partial Regex Option();
}
