using System.Diagnostics;
using System.Text.RegularExpressions;

namespace HeadTap.Repo.Tests;

/// <summary>What README tells people to type does what README says.</summary>
public partial class ReadmeTests
{
    const string Program = "dotnet run -c Release --project src/Cli -- ";

    [TestCaseSource(nameof(Commands))]
    public void A_command_of_README_runs(string arguments)
    {
        using var work = new Scratch();
        // Outputs go to a scratch folder: the commands name files in the current one. Inputs are the
        // repository's.
        Directory.CreateSymbolicLink(Path.Combine(work.Folder, "weights"), Repository.At("weights"));
        foreach (string earlier in Commands().TakeWhile(c => c != arguments))
            if (Output().Match(earlier) is { Success: true } made
                && arguments.Split(' ').Any(a => Uses(a, made.Groups["file"].Value)))
                Run(work, earlier);
        Run(work, arguments);

        static bool Uses(string argument, string output)
            => argument == output || argument.StartsWith(output + "/", StringComparison.Ordinal);
    }

    static void Run(Scratch work, string arguments)
    {
        bool serves = arguments.StartsWith("serve ", StringComparison.Ordinal);
        if (serves)
            arguments += " --port 0"; // somebody may listen on the usual one
        var start = new ProcessStartInfo("dotnet",
            $"\"{Repository.At("artifacts", "bin", "Cli", "release", "headtap.dll")}\" {arguments}")
        {
            WorkingDirectory = work.Folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process process = Process.Start(start)!;
        if (serves)
        {
            Assert.That(process.StandardOutput.ReadLine(), Does.Contain("http://127.0.0.1:"));
            using Process stop = Process.Start("kill", $"-TERM {process.Id}");
            stop.WaitForExit();
            process.WaitForExit();
            Assert.That(process.ExitCode, Is.Zero, process.StandardError.ReadToEnd());
            return;
        }
        Task<string> output = process.StandardOutput.ReadToEndAsync(),
            error = process.StandardError.ReadToEndAsync();
        process.WaitForExit();
        Assert.That(process.ExitCode, Is.Zero, $"{arguments}: {error.Result}");
        Assert.That(output.Result, Is.Not.Empty);
    }

    [Test]
    public void README_names_the_test_command_that_CI_runs()
    {
        Assert.That(Repository.Text("README.md"), Does.Match(@"(?m)^dotnet test -c Release$"));
        Assert.That(Repository.Text(".ci", "run"), Does.Contain("README.md"));
    }

    [Test]
    public void Links_of_README_lead_to_files()
    {
        foreach (Match link in Link().Matches(Repository.Text("README.md")))
        {
            string path = Repository.At(link.Groups["path"].Value);
            Assert.That(File.Exists(path) || Directory.Exists(path), Is.True, path);
        }
    }

    // Every line of a block tagged sh that starts our program, but for those that need the network, and the
    // tour: PackageTests runs it, with the tool as a user has it.
    static IEnumerable<string> Commands() => ShellBlock().Matches(Repository.Text("README.md"))
        .SelectMany(block => Continuation().Replace(block.Groups["text"].Value, " ").Split('\n'))
        .Where(line => line.StartsWith(Program, StringComparison.Ordinal))
        .Select(line => line[Program.Length..].Split(" # ")[0].Trim())
        .Where(arguments => arguments != "tour"
            && !arguments.StartsWith("weights pull", StringComparison.Ordinal))
        .Distinct();

    [GeneratedRegex(@"\s*\\\n\s*")]
    private static partial Regex Continuation();

    [GeneratedRegex(@"--out (?<file>\S+)")]
    private static partial Regex Output();

    [GeneratedRegex(@"(?s)```sh\n(?<text>.*?)```")]
    private static partial Regex ShellBlock();

    [GeneratedRegex(@"\]\((?<path>[^)#:]+)\)")]
    private static partial Regex Link();

    sealed class Scratch : IDisposable
    {
        public string Folder { get; } = Directory.CreateTempSubdirectory("headtap-readme-").FullName;

        public void Dispose() => Directory.Delete(Folder, recursive: true);
    }
}
