using System.Diagnostics;
using System.Runtime.InteropServices;

namespace HeadTap.Cli.Tests;

/// <summary>Processes of sweep run that are killed, asked to stop, or run at once.</summary>
public sealed class SweepSignalTests
{
    const int Pairs = 60;

    // Some tenths of a second a cell, so that a signal finds the process at work.
    const string Taus = "1-400";

    static TemporaryFolder s_folder = null!;

    [OneTimeSetUp]
    public static void Local()
    {
        s_folder = new TemporaryFolder();
        string[] call = TinySweep.Planned(s_folder, Pairs, Taus);
        Headtap.Done([.. call, "--out", s_folder["local"]]);
    }

    [OneTimeTearDown]
    public static void Remove() => s_folder.Dispose();

    [TestCase("TERM"), TestCase("USR1"), TestCase("USR2")]
    public void A_signal_of_a_scheduler_ends_with_75_and_leaves_whole_cells(string signal)
    {
        using Copy plan = new();
        using Process run = plan.Run();
        plan.UntilCells(2);
        Kill(run, signal);
        (int code, string output) = Ended(run);
        int done = plan.Cells;
        Assert.That(code, Is.EqualTo(75), output);
        Assert.That(done, Is.InRange(2, Pairs - 1), output);
        Assert.That(output, Does.Contain($"{done} of {Pairs} cells done, {done} by this call; interrupted"));
        Assert.That(plan.Left("tmp"), Is.Empty);
        plan.FinishesAsLocal();
    }

    // PoCL is found on the way to the automatic device, and with it comes LLVM, which takes SIGUSR1.
    [TestCase("USR1"), TestCase("USR2")]
    public void A_driver_that_takes_a_signal_does_not_keep_it(string signal)
    {
        using Copy plan = new();
        using Process run = plan.Run("--device", "auto");
        plan.UntilCells(1);
        Kill(run, signal);
        (int code, string output) = Ended(run);
        Assert.That(code, Is.EqualTo(75), output);
    }

    [Test]
    public void Ctrl_C_ends_with_130()
    {
        using Copy plan = new();
        using Process run = plan.Run("--jobs", "2");
        plan.UntilCells(2);
        Kill(run, "INT");
        (int code, string output) = Ended(run);
        Assert.That(code, Is.EqualTo(130), output);
        Assert.That(plan.Cells, Is.LessThan(Pairs));
    }

    [Test]
    public void A_process_that_is_killed_loses_its_cell_and_no_other()
    {
        using Copy plan = new();
        foreach (int cells in (int[])[1, 4])
        {
            using Process run = plan.Run("--jobs", "2");
            plan.UntilCells(cells);
            run.Kill();
            Assert.That(Ended(run).Code, Is.EqualTo(137));
        }
        Assert.That(plan.Cells, Is.InRange(4, Pairs - 1));
        plan.FinishesAsLocal();
    }

    [Test]
    public void Two_processes_share_the_cells()
    {
        using Copy plan = new();
        using Process one = plan.Run(), other = plan.Run();
        (int first, string says) = Ended(one);
        (int second, string too) = Ended(other);
        // Whoever ends first may leave the last cell to the other one.
        Assert.That((int[])[first, second], Has.All.EqualTo(0).Or.EqualTo(75), says + too);
        Assert.That((int[])[first, second], Has.Some.EqualTo(0), says + too);
        plan.FinishesAsLocal();
    }

    static void Kill(Process process, string signal)
        => Process.Start("sh", ["-c", $"kill -{signal} {process.Id}"])!.WaitForExit();

    static (int Code, string Output) Ended(Process process)
    {
        Task<string> output = process.StandardOutput.ReadToEndAsync(),
            error = process.StandardError.ReadToEndAsync();
        Assert.That(process.WaitForExit(TimeSpan.FromMinutes(5)), Is.True, "it does not end");
        return (process.ExitCode, output.Result + error.Result);
    }

    // A copy of the plan in which nothing is computed yet.
    sealed class Copy : IDisposable
    {
        readonly TemporaryFolder _folder = new();

        internal Copy()
        {
            if (!RuntimeInformation.IsOSPlatform(OSPlatform.Linux))
                Assert.Ignore("signals are sent by Linux's shell");
            foreach (string file in (string[])["sweep.json", "manifest.jsonl"])
                File.Copy(s_folder[$"plan/{file}"], _folder[file]);
        }

        internal int Cells => Directory.Exists(_folder["results"])
            ? Directory.GetFiles(_folder["results"], "*.jsonl").Length : 0;

        internal Process Run(params string[] options) => TinySweep.Start(
            ["sweep", "run", "--dir", _folder.Path, "--threads", "2",
                .. options.Contains("--device") ? options : [.. options, "--device", "cpu"]]);

        internal void UntilCells(int count) => TinySweep.Until(() => Cells >= count, $"{count} cells");

        internal string[] Left(string ending)
            => Directory.GetFiles(_folder.Path, "*." + ending, SearchOption.AllDirectories);

        internal void FinishesAsLocal()
        {
            Headtap.Done("sweep", "run", "--dir", _folder.Path, "--jobs", "2");
            Headtap.Done("sweep", "report", "--dir", _folder.Path);
            Assert.That(TinySweep.Differing(_folder["report"], s_folder["local"]), Is.Empty);
        }

        public void Dispose() => _folder.Dispose();
    }
}
