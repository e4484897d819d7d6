using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.InteropServices;

namespace HeadTap.Serve;

/// <summary>The child process of a job: a list of arguments and never a shell, a folder of its own, and few
/// variables of the environment.</summary>
static partial class JobProcess
{
    const int Sigterm = 15;
    const int MostLogBytes = 16 << 20;

    // How long a verb may take to save its state before it is killed.
    static readonly TimeSpan s_grace = TimeSpan.FromSeconds(15);

    static readonly string[] s_kept =
        ["PATH", "DOTNET_ROOT", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "SystemRoot", "TEMP", "TMP"];

    /// <summary>Runs a job's verb.</summary>
    /// <param name="job">The job; its folder is there.</param>
    /// <param name="program">Program and first arguments.</param>
    /// <param name="stop">Asks it to save and stop.</param>
    /// <returns>Its exit code.</returns>
    /// <exception cref="Win32Exception">The program cannot be started.</exception>
    internal static async Task<int> Run(
        ServedJob job, IReadOnlyList<string> program, CancellationToken stop)
    {
        var start = new ProcessStartInfo(program[0])
        {
            WorkingDirectory = job.Work,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (string argument in program.Skip(1).Concat(job.Arguments))
            start.ArgumentList.Add(argument);
        Dictionary<string, string?> environment = s_kept
            .Select(name => (name, value: Environment.GetEnvironmentVariable(name)))
            .Where(v => v.value is not null).ToDictionary(v => v.name, v => v.value);
        start.Environment.Clear();
        foreach ((string name, string? value) in environment)
            start.Environment[name] = value;
        start.Environment["HOME"] = job.Folder;
        start.Environment["DOTNET_CLI_HOME"] = job.Folder;
        start.Environment["HEADTAP_PROGRESS_FILE"] = job.ProgressFile;
        using Process process = Process.Start(start)!;
        process.StandardInput.Close();
        job.Begin(process.Id, StartOf(process));
        using var log = new FileStream(job.LogFile, FileMode.Append, FileAccess.Write, FileShare.Read);
        using var result = new FileStream(
            Path.Combine(job.Work, "result.json"), FileMode.Create, FileAccess.Write, FileShare.Read);
        Task copies = Task.WhenAll(Copy(process.StandardError.BaseStream, log, MostLogBytes),
            Copy(process.StandardOutput.BaseStream, result, long.MaxValue));
        await using CancellationTokenRegistration asked = stop.Register(() => Terminate(process));
        await process.WaitForExitAsync(CancellationToken.None);
        await copies;
        return process.ExitCode;
    }

    /// <summary>Ends the process of a job that an earlier run of the server left behind.</summary>
    internal static void EndLeftOver(int id, long started)
    {
        try
        {
            using Process process = Process.GetProcessById(id);
            // Numbers come again: only the one that began then is ours.
            if (StartOf(process) != started)
                return;
            process.Kill(entireProcessTree: true);
            process.WaitForExit(s_grace);
        }
        catch (Exception e) when (e is ArgumentException or InvalidOperationException or Win32Exception)
        {
        }
    }

    // Hundredths of a second since 1970, as some systems tell it; 0 for one that has ended already.
    static long StartOf(Process process)
    {
        try
        {
            return new DateTimeOffset(process.StartTime.ToUniversalTime()).ToUnixTimeMilliseconds() / 10;
        }
        catch (InvalidOperationException)
        {
            return 0;
        }
    }

    static async Task Copy(Stream from, FileStream to, long most)
    {
        byte[] buffer = new byte[1 << 14];
        for (int read; (read = await from.ReadAsync(buffer)) > 0;)
            if (to.Position < most)
            {
                await to.WriteAsync(buffer.AsMemory(0, read));
                await to.FlushAsync();
            }
    }

    static void Terminate(Process process)
    {
        try
        {
            if (OperatingSystem.IsWindows())
                process.Kill(entireProcessTree: true);
            else
                _ = Signal(process.Id, Sigterm);
            _ = Task.Delay(s_grace).ContinueWith(_ => Kill(process), TaskScheduler.Default);
        }
        catch (InvalidOperationException)
        {
            // it ended by itself
        }
    }

    static void Kill(Process process)
    {
        try
        {
            process.Kill(entireProcessTree: true);
        }
        catch (Exception e) when (e is InvalidOperationException or Win32Exception)
        {
        }
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Signal(int process, int signal);
}
