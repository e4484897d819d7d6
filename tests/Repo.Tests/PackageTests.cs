using System.Diagnostics;
using System.IO.Compression;

namespace HeadTap.Repo.Tests;

/// <summary>The packages that users install: what is in them, and that the tool runs from one.</summary>
public sealed class PackageTests
{
    static readonly string[] Libraries =
    [
        "HeadTap.Circuits", "HeadTap.Inject", "HeadTap.Kernels", "HeadTap.Lens", "HeadTap.Merge",
        "HeadTap.Models", "HeadTap.Runtime", "HeadTap.Unlearn",
    ];

    string _folder = "";

    [OneTimeSetUp]
    public void Pack()
    {
        _folder = Directory.CreateTempSubdirectory("headtap-packages-").FullName;
        foreach (string project in (string[])["Kernels", "Runtime", "Models", "Lens", "Inject", "Unlearn",
            "Merge", "Circuits", "Cli"])
            Run(Repository.Root, "dotnet", "pack", "-c", "Release", "--no-build", "-v", "q",
                Repository.At("src", project), "-o", _folder);
    }

    [OneTimeTearDown]
    public void Delete() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void Eight_libraries_and_the_tool_are_packed()
    {
        Assert.That(Directory.GetFiles(_folder, "*.nupkg").Select(IdOf).Order(StringComparer.Ordinal),
            Is.EqualTo(Libraries.Append("headtap")));
    }

    [TestCaseSource(nameof(Libraries))]
    public void A_library_depends_on_no_project_that_is_not_packed(string library)
    {
        string specification = Specification(library);
        Assert.That(specification, Does.Contain("<license type=\"expression\">MIT</license>"));
        Assert.That(specification, Does.Contain("<readme>README.md</readme>"));
        foreach (string id in specification.Split("<dependency id=\"").Skip(1).Select(d => d.Split('"')[0]))
            if (id.StartsWith("HeadTap", StringComparison.OrdinalIgnoreCase))
                Assert.That(Libraries, Does.Contain(id));
    }

    [Test]
    public void The_tool_is_installed_from_a_folder_and_runs_the_tour()
    {
        string tools = Path.Combine(_folder, "tools"), settings = Path.Combine(_folder, "nuget.config");
        File.WriteAllText(settings, $"""
            <configuration>
              <packageSources><clear /><add key="local" value="{_folder}" /></packageSources>
            </configuration>
            """);
        Run(_folder, "dotnet", "tool", "install", "headtap", "--tool-path", tools, "--configfile", settings);
        string output = Run(_folder, Path.Combine(tools, "headtap"), "tour", "--device", "cpu");
        Assert.That(output,
            Does.Contain("5 layers, 6 heads, width 192").And.Contain("merge    two such edits"));
        Assert.That(File.Exists(Path.Combine(_folder, "headtap-tour.html")), Is.True);
    }

    static string IdOf(string package)
        => Path.GetFileName(package)[..^".0.1.0.nupkg".Length];

    string Specification(string library)
    {
        using ZipArchive package = ZipFile.OpenRead(Directory.GetFiles(_folder,
            $"{library}.*.nupkg").Single());
        using var reader = new StreamReader(package.GetEntry($"{library}.nuspec")!.Open());
        return reader.ReadToEnd();
    }

    static string Run(string folder, string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
        };
        using Process process = Process.Start(start)!;
        process.StandardInput.Close();
        Task<string> output = process.StandardOutput.ReadToEndAsync(),
            error = process.StandardError.ReadToEndAsync();
        process.WaitForExit();
        Assert.That(process.ExitCode, Is.Zero,
            $"{program} {string.Join(' ', arguments)}: {error.Result}{output.Result}");
        return output.Result;
    }
}
