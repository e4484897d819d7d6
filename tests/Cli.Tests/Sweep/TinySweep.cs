using System.Diagnostics;
using HeadTap.Inject;

namespace HeadTap.Cli.Tests;

/// <summary>Plans of sweeps over the tiny model, and the program of this build as a process.</summary>
static class TinySweep
{
    static readonly string[] s_names = ["capital", "city", "north", "country"];

    internal static string Program => typeof(CommandLine).Assembly.Location;

    /// <summary>Writes pairs of prompts.</summary>
    internal static string Pairs(TemporaryFolder folder, int count)
    {
        PromptPairs.Write(folder["pairs.jsonl"], [.. Enumerable.Range(0, count).Select(i => new PromptPair(
            $"the {s_names[i % 4]} {s_names[i / 4 % 4]} is",
            $"the {s_names[i / 16 % 4]} of a {s_names[i % 3]} of the {s_names[i % 4]} is",
            s_names[i % 4], s_names[(i + 1) % 4]))]);
        return folder["pairs.jsonl"];
    }

    /// <summary>The call of a sweep over the pairs, without a folder.</summary>
    internal static string[] Call(TemporaryFolder folder, string taus = "1-3") =>
        ["inject", "sweep", "--model", TinyModel.Folder, "--data", folder["pairs.jsonl"], "--taus", taus,
            "--report-prompts", "2"];

    /// <summary>Plans it in the folder "plan".</summary>
    internal static string[] Planned(TemporaryFolder folder, int pairs, string taus = "1-3")
    {
        Pairs(folder, pairs);
        string[] call = Call(folder, taus);
        Headtap.Done(["sweep", "plan", .. call, "--out", folder["plan"]]);
        return call;
    }

    /// <summary>The result of a cell as another device would have written it.</summary>
    internal static string OnDevice(string name, string plan, int cell)
    {
        PlannedSweep planned = PlannedSweep.Open(plan);
        using var folder = new TemporaryFolder();
        (RunDevice device, IReadOnlyList<(string, string)> rows) = planned.Store.Read(cell);
        new CellStore(folder.Path, planned.Hash, planned.Count).Write(
            cell, rows, device with { Name = name });
        return File.ReadAllText(folder[$"results/{cell}.jsonl"]);
    }

    /// <summary>Says in which files two folders differ.</summary>
    internal static string[] Differing(string one, string other)
    {
        string[] Files(string folder) => [.. Directory
            .EnumerateFiles(folder, "*", SearchOption.AllDirectories)
            .Select(f => Path.GetRelativePath(folder, f))];
        return [.. Files(one).Union(Files(other)).Where(f => !File.Exists(Path.Combine(one, f))
            || !File.Exists(Path.Combine(other, f)) || !File.ReadAllBytes(Path.Combine(one, f))
                .AsSpan().SequenceEqual(File.ReadAllBytes(Path.Combine(other, f))))];
    }

    /// <summary>Starts the program of this build.</summary>
    internal static Process Start(params string[] args) => Process.Start(new ProcessStartInfo("dotnet",
        ["exec", Program, .. args])
    {
        RedirectStandardError = true, RedirectStandardOutput = true,
    })!;

    /// <summary>Waits until something is so.</summary>
    internal static void Until(Func<bool> so, string what, int seconds = 120)
    {
        var watch = Stopwatch.StartNew();
        while (!so())
        {
            Assert.That(watch.Elapsed.TotalSeconds, Is.LessThan(seconds), what);
            Thread.Sleep(5);
        }
    }
}
