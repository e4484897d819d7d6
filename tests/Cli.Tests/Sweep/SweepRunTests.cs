using System.Text.Json.Nodes;

namespace HeadTap.Cli.Tests;

/// <summary>Which cells sweep run computes, and with which exit code it ends.</summary>
public sealed class SweepRunTests
{
    [TestCase("--cell 5", "5"), TestCase("--range 0-1", "0-1"), TestCase("--range 3,5-6", "3,5-6")]
    [TestCase("--cell 2 --chunk 3", "6-7"), TestCase("--range 0,2 --chunk 3", "0-2,6-7")]
    [TestCase("--cell 0 --chunk 100", "0-7"), TestCase("", "0-7")]
    public void The_cells_that_are_asked_for_are_computed(string which, string done)
    {
        using var folder = new TemporaryFolder();
        TinySweep.Planned(folder, 8);
        string[] call = ["sweep", "run", "--dir", folder["plan"],
            .. which.Split(' ', StringSplitOptions.RemoveEmptyEntries)];
        JsonNode json = Headtap.Done([.. call, "--json"]).Json;
        Assert.That((int)json["computed"]!, Is.EqualTo((int)json["asked"]!).And.GreaterThan(0));
        int[] numbers = [.. Directory.GetFiles(folder["plan/results"])
            .Select(f => int.Parse(Path.GetFileNameWithoutExtension(f))).Order()];
        Assert.That(CellRanges.Text(numbers), Is.EqualTo(done));
        Assert.That(Headtap.Done(call).Out, Does.Contain("0 by this call"));
        string missing = Headtap.Done("sweep", "missing", "--dir", folder["plan"]).Out.Trim();
        if (missing.Length > 0)
            Headtap.Done("sweep", "run", "--dir", folder["plan"], "--range", missing);
        Headtap none = Headtap.Done("sweep", "missing", "--dir", folder["plan"]);
        Assert.That(none.Out, Is.Empty);
        Assert.That(Headtap.Done("sweep", "status", "--dir", folder["plan"]).Out,
            Is.EqualTo("inject sweep: 8 of 8 cells done, 0 failed\n"));
    }

    [Test]
    public void Missing_cells_are_counted_in_chunks_as_run_counts_them()
    {
        using var folder = new TemporaryFolder();
        TinySweep.Planned(folder, 11);
        Headtap.Done("sweep", "run", "--dir", folder["plan"], "--range", "0-4,6-8");
        Assert.That(Headtap.Done("sweep", "missing", "--dir", folder["plan"]).Out, Is.EqualTo("5,9-10\n"));
        Assert.That(Headtap.Done("sweep", "missing", "--dir", folder["plan"], "--chunk", "3").Out,
            Is.EqualTo("1,3\n"));
        JsonNode status = Headtap.Done("sweep", "status", "--dir", folder["plan"], "--json").Json;
        Assert.That(((int)status["done"]!, (string)status["missing"]!), Is.EqualTo((8, "5,9-10")));
        foreach (string chunk in (string[])["1", "3"])
            Headtap.Done("sweep", "run", "--dir", folder["plan"], "--chunk", "3", "--cell", chunk);
        Assert.That(Headtap.Done("sweep", "missing", "--dir", folder["plan"]).Out, Is.Empty);
    }

    [Test]
    public void A_damaged_result_is_missing_and_is_made_again()
    {
        using var folder = new TemporaryFolder();
        TinySweep.Planned(folder, 5);
        string[] at = ["--dir", folder["plan"]];
        Headtap.Done(["sweep", "run", .. at]);
        string cut = folder["plan/results/1.jsonl"], flipped = folder["plan/results/3.jsonl"];
        byte[] first = File.ReadAllBytes(cut), second = File.ReadAllBytes(flipped);
        File.WriteAllBytes(cut, first[..^7]);
        File.WriteAllBytes(flipped, [.. second[..^40], (byte)(second[^40] ^ 1), .. second[^39..]]);
        const string Line = "2 results are damaged and count as missing, 1,3: results/1.jsonl: damaged "
            + "(its hash is another)\n";
        Assert.That(Headtap.Done(["sweep", "status", .. at]).Out,
            Is.EqualTo($"inject sweep: 3 of 5 cells done, 0 failed\n{Line}missing: 1,3\n"));
        Headtap missing = Headtap.Done(["sweep", "missing", .. at]);
        Assert.That((missing.Out, missing.Error), Is.EqualTo(("1,3\n", Line)));
        JsonNode status = Headtap.Done(["sweep", "status", .. at, "--json"]).Json;
        Assert.That(status["damaged"]!.AsArray().Select(d => (int)d!["cell"]!), Is.EqualTo((int[])[1, 3]));
        Assert.That(Headtap.Refused("sweep", "report", "--dir", folder["plan"]),
            Does.Contain("2 of 5 cells are missing, 1,3 (2 damaged; results/1.jsonl: damaged"));
        // One that is not asked for is left as it is.
        Headtap other = Headtap.Done(["sweep", "run", .. at, "--cell", "0"]);
        Assert.That(other.Out + other.Error, Does.Not.Contain("damaged"));
        Headtap again = Headtap.Done(["sweep", "run", .. at]);
        Assert.That(again.Out, Does.StartWith("5 of 5 cells done, 2 by this call"));
        Assert.That(again.Error, Does.Contain(Line));
        Assert.That(File.ReadAllBytes(cut), Is.EqualTo(first));
        Assert.That(File.ReadAllBytes(flipped), Is.EqualTo(second));
        Assert.That(Headtap.Done(["sweep", "missing", .. at]).Out, Is.Empty);
    }

    [Test]
    public void What_names_no_cell_is_refused()
    {
        using var folder = new TemporaryFolder();
        TinySweep.Planned(folder, 8);
        foreach ((string which, string message) in ((string, string)[])
        [
            ("--cell 8", "--cell is 8; expected 0 to 7, for 8 cells"), ("--cell -1", "--cell is -1"),
            ("--cell 3 --chunk 3", "--cell is 3; expected 0 to 2, for 8 cells in chunks of 3"),
            ("--range 7-8", "--range has 8; expected 0 to 7"), ("--range x", "--range is \"x\""),
            ("--chunk 3", "--chunk belongs to --cell, --array or --range"),
            ("--cell 1 --chunk 0", "--chunk is 0; expected 1 or more cells"),
            ("--cell 1 --range 2", "expected one of them"), ("--jobs 0", "--jobs is 0"),
            ("--array", "no number of an array task"),
        ])
            Assert.That(Headtap.Refused(["sweep", "run", "--dir", folder["plan"], .. which.Split(' ')]),
                Does.Contain(message), which);
        Assert.That(Directory.Exists(folder["plan/results"]), Is.False);
        Assert.That(Headtap.Refused("sweep", "missing", "--dir", folder["plan"], "--chunk", "0"),
            Does.Contain("--chunk is 0"));
        Assert.That(Headtap.Refused("sweep", "script", "--dir", folder["plan"], "--for", "slurms"),
            Does.Contain("--for is \"slurms\"; expected slurm, pbs, sge, parsl, globus"));
    }

    [Test]
    public void A_cell_that_cannot_be_computed_is_named_and_the_others_are_computed()
    {
        using var folder = new TemporaryFolder();
        TinySweep.Planned(folder, 4, taus: "1e30");
        Headtap run = Headtap.Run("sweep", "run", "--dir", folder["plan"], "--device", "cpu");
        Assert.That(run.Code, Is.EqualTo(1), run.Out + run.Error);
        Assert.That(run.Out, Does.Contain("cell 0 failed: ").And.Contain("overflows float32"));
        Headtap status = Headtap.Done("sweep", "status", "--dir", folder["plan"]);
        Assert.That(status.Out, Does.Contain("failed").And.Contain("missing: ").And.Contain("overflows"));
    }

    [Test]
    public void A_cell_that_another_process_works_on_is_left_to_it()
    {
        using var folder = new TemporaryFolder();
        TinySweep.Planned(folder, 4);
        var store = new CellStore(folder["plan"], "", 4);
        using (store.TryClaim(2))
        {
            Headtap run = Headtap.Run("sweep", "run", "--dir", folder["plan"], "--device", "cpu");
            Assert.That(run.Code, Is.EqualTo(75), run.Error);
            Assert.That(run.Out, Is.EqualTo("3 of 4 cells done, 3 by this call\ncell 2 is left to process "
                + $"{Environment.ProcessId} on {Environment.MachineName}, which works on it\n"));
        }
        Headtap.Done("sweep", "run", "--dir", folder["plan"]);
    }

    [Test]
    public void A_cancelled_call_ends_with_75_and_goes_on()
    {
        using var folder = new TemporaryFolder();
        TinySweep.Planned(folder, 4);
        Headtap run = Headtap.RunUntil(new CancellationToken(canceled: true), "sweep", "run", "--dir",
            folder["plan"], "--device", "cpu");
        Assert.That((run.Code, run.Out), Is.EqualTo((75,
            "0 of 4 cells done, 0 by this call; interrupted, the same call goes on\n")));
        Headtap.Done("sweep", "run", "--dir", folder["plan"]);
    }

    [Test]
    public void Results_of_another_kind_of_device_are_refused()
    {
        using var folder = new TemporaryFolder();
        TinySweep.Planned(folder, 3);
        Headtap.Done("sweep", "run", "--dir", folder["plan"], "--cell", "0");
        File.WriteAllText(folder["plan/results/0.jsonl"], TinySweep.OnDevice("cuda:1", folder["plan"], 0));
        Assert.That(Headtap.Refused("sweep", "run", "--dir", folder["plan"], "--device", "cpu"),
            Does.Contain("cells were computed on cuda:1 in float32, and this is cpu in float32"));
    }
}
