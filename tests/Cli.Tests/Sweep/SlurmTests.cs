using System.Diagnostics;

namespace HeadTap.Cli.Tests;

/// <summary>A sweep on a real Slurm of one node: tests/slurm says what is done there.</summary>
public sealed class SlurmTests
{
    const int NoCluster = 77;

    [Test]
    public void An_array_that_is_requeued_preempted_and_killed_ends_with_the_bytes_of_the_verb()
    {
        string script = Path.Combine(Root(), "tests", "slurm");
        if (!File.Exists("/bin/bash"))
            Assert.Ignore("there is no /bin/bash");
        var start = new ProcessStartInfo("/bin/bash", [script, TinySweep.Program])
        {
            RedirectStandardError = true, RedirectStandardOutput = true,
        };
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(),
            error = process.StandardError.ReadToEndAsync();
        process.WaitForExit();
        string said = output.Result + error.Result;
        if (process.ExitCode == NoCluster)
            Assert.Ignore("no Slurm: " + output.Result.TrimEnd().Split('\n')[^1]);
        Assert.That(process.ExitCode, Is.Zero, said);
        Assert.That(said, Does.Contain("ended with 75").And.Contain("the report has the bytes of the verb"));
    }

    static string Root()
    {
        string folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "HeadTap.slnx")))
            folder = Path.GetDirectoryName(folder)!;
        return folder;
    }
}
